// The executable: hands its arguments to Commands and exits with what comes back.
import Commands
import Foundation

@main
struct Main {
    static func main() async {
        exit(await Program.run(Array(CommandLine.arguments.dropFirst())))
    }
}
