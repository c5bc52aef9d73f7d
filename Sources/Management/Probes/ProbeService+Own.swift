// A probe of a gate from its own machine, which that gate should know for what it is.
package import Reachability
import Settings

extension ProbeService {
    /// The options with the announcement of connections to addresses of this machine.
    /// - Parameter settings: the file of a gate's settings; nil, or a file that cannot be read: nothing is announced.
    package static func announcing(_ options: ProbeOptions, settings file: String?) -> ProbeOptions {
        guard let file else { return options }
        var announcing = options
        announcing.announce = { endpoint in
            guard let settings = try? SettingsLoader.load(file: file, namedFiles: .ignored) else { return }
            ControlClient(path: settings.layout.controlSocket).announce(endpoint)
        }
        return announcing
    }
}
