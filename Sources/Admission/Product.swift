// What Dropgate calls itself in exports and on the command line, in one place.

package enum Product {
    package static let name = "dropgate"
    package static let vendor = "Dropgate"
    package static let version = "0.1.0"
}
