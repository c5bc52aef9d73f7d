// Whether the secrets that webhooks have to show can be guessed. Pure.
import Reachability
import Settings

enum WebhookSecretCheck {
    /// What is refused at once (`webhook.secret_file`) is no finding.
    static func findings(_ settings: WebhookSettings?) -> [Finding] {
        (settings?.checks.guessable ?? []).map { key in
            Finding(
                "webhook", .warn,
                "\(key.name): the secret has fewer than \(WebhookChecks.shortestSecret) bytes, and can be guessed over the network",
                fix:
                    "put a longer one into the file, as `openssl rand -hex 24` prints, and restart the gate once VSee sends it"
            )
        }
    }
}
