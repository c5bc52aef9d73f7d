// What Dropgate calls itself, in exports, on command lines and between its programs.

package enum Product {
    package static let name = "dropgate"
    package static let vendor = "Dropgate"
    package static let version = "0.1.0"
}
