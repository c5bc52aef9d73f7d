// Public keys for tests, made by ssh-keygen. Nobody has the private ones.

package enum SampleKeys {
    package static let ed25519 =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmMmiKSWH7JQcCfNn02S0K+TC+Mwi4HFAs7Tl7mFLgA ed25519 key"
    package static let rsa2048 =
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDgSBd69YmNyuIXx8W01XKgQYiWCgxIjEGxng1nkveXtUMd3UTP7W3q/ozeP+KqmGLGDQ1ScovR3iG+vOCmwK2wsxbz1WiM+k8deZorZ/tDUaL5DwQ9Pe+4rLn4shr28rH9mjlU9jc+gVlBzcDqDhYsjJE+rwsKBx/CbjtAZpd/hNmL36lP+R8QkCtsJd4Ppj+Wmx5ZHn+J/yIEAcLEM8eVYIhBpM9i/V6eadYCLHysjZdZRN1emSKvMrdazmxwuYAHnWb0J2WWKOi5AuF2B+8EC0DIF6rtK7Jzra1fOr8bMQ6N45LH8jCZapCQtD9nz5qnqTiWgPiy1jkVYS2m8iqL"
}
