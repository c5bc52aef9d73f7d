// Accounts as they are asked for by values: made, listed, changed, removed, and what is refused.
import Accounts
import Admission
import Foundation
import JSON
import Management
import Settings
import Support
import Testing

@Suite struct AccountServiceTests {
    private let gate: TestGate
    private let accounts: AccountService

    init() throws {
        gate = try TestGate.plain()
        accounts = AccountService(try SettingsLoader.load(file: gate.config))
    }

    private func lab() throws -> NewAccount {
        var new = NewAccount(name: "lab")
        new.keys = try NewAccount.keys(in: "# of the lab\n\n\(SampleKeys.ed25519)\n", from: "lab.pub")
        return new
    }

    @Test func anAccountIsMadeShownChangedAndRemoved() async throws {
        #expect(try accounts.list().accounts.isEmpty, "no directory yet")
        var new = try lab()
        new.collects = (["vsee"], true)
        let made = try await accounts.add(
            new, at: Instant(microseconds: 1_764_000_000_000_000), by: .current, warn: { _ in })
        #expect(made.role == .collector && made.keys.map(\.type) == ["ssh-ed25519"])
        #expect(made.json["collects"]?.array == ["vsee"] && made.json["password"] == false)
        #expect(try accounts.show("lab") == made)
        #expect(FileManager.default.fileExists(atPath: accounts.file(of: "lab")))
        #expect(try await accounts.setDisabled(true, of: "lab", by: .current, warn: { _ in }).disabled)
        #expect(try accounts.list().accounts.map(\.disabled) == [true])
        try await accounts.remove("lab", by: .current, warn: { _ in })
        #expect(try accounts.list().accounts.isEmpty)
    }

    @Test func aDirectoryThatIsALinkToItselfIsForAPersonToMend() async throws {
        let directory = accounts.directory
        try FileManager.default.createSymbolicLink(atPath: directory, withDestinationPath: directory)
        let words =
            "cannot open the directory \(directory): Too many levels of symbolic links; find out what lies there"
        for command in [["list"], ["show", "lab"], ["disable", "lab"], ["remove", "lab"]] {
            let answer = await gate.run(["account"] + command)
            #expect(answer.status == 78 && answer.error.contains(words), "\(command): \(answer)")
        }
        let file = gate.path("lab.pub")
        try gate.write("lab.pub", SampleKeys.ed25519)
        let added = await gate.run("account", "add", "lab", "--key", file)
        #expect(added.status == 78 && added.error.contains(words), "\(added)")
    }

    @Test(arguments: [true, false])
    func aDirectoryThatIsNoneIsForAPersonToMend(isLink: Bool) async throws {
        if isLink {
            try FileManager.default.createSymbolicLink(
                atPath: accounts.directory, withDestinationPath: gate.path("nowhere"))
        } else {
            try gate.write("accounts", "x")
        }
        try gate.write("lab.pub", SampleKeys.ed25519)
        for command in [
            ["list"], ["show", "lab"], ["disable", "lab"], ["remove", "lab"],
            ["add", "lab", "--key", gate.path("lab.pub")],
        ] {
            let answer = await gate.run(["account"] + command)
            let words = "cannot open the directory \(accounts.directory): "
            #expect(answer.status == 78 && answer.error.contains(words), "\(command): \(answer)")
        }
    }

    @Test func ofAnAccountThatIsClosedItIsNotSaidThatItGoesOn() async throws {
        try gate.write("accounts/lab.yaml", "disabled: true\nfoo: 1\n")
        #expect(chmod(accounts.file(of: "lab"), 0o600) == 0)
        let kept = "a running gate keeps using those that it read before"
        let closed = await gate.run("account", "list")
        #expect(closed.status == 78 && closed.error.contains("(meanwhile nobody can log in)"), "\(closed)")
        #expect(closed.out.contains("no account in ") && !closed.out.contains(kept), "\(closed)")
        try gate.write("accounts/lab.yaml", "foo: 1\n")
        let open = await gate.run("account", "list")
        #expect(open.status == 78 && open.out.contains(kept), "\(open)")
    }

    @Test func anAccountThatIsRemovedWhileItIsDisabledStaysRemoved() async throws {
        let accounts = accounts
        for _ in 0..<20 {
            _ = try await accounts.add(try lab(), by: .current, warn: { _ in })
            let isRemoved = await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    _ = try? await accounts.setDisabled(true, of: "lab", by: .current, warn: { _ in })
                    return false
                }
                group.addTask {
                    do {
                        try await accounts.remove("lab", by: .current, warn: { _ in })
                        return true
                    } catch {
                        return false
                    }
                }
                return await group.contains(true)
            }
            #expect(isRemoved)
            #expect(try accounts.list().accounts.isEmpty)
        }
    }

    @Test func whatIsRefusedHasACodeAndAReason() async throws {
        _ = try await accounts.add(try lab(), by: .current, warn: { _ in })
        let taken = await #expect(throws: ManagementError.self) {
            try await accounts.add(try lab(), by: .current, warn: { _ in })
        }
        #expect(taken?.code == .refused && taken?.cause is AccountError)
        let absent = #expect(throws: ManagementError.self) { try accounts.show("nobody") }
        #expect(absent?.code == .refused)
        let name = await #expect(throws: ManagementError.self) {
            try await accounts.remove("Nobody", by: .current, warn: { _ in })
        }
        #expect(name?.code == .invalid)
        let open = await #expect(throws: ManagementError.self) {
            try await accounts.add(NewAccount(name: "open"), by: .current, warn: { _ in })
        }
        #expect(open?.code == .invalid && open?.fix != nil)
    }

    @Test func credentialsThatAreNoneAreToldWithTheirPlace() {
        let key = #expect(throws: ManagementError.self) { try NewAccount.keys(in: "x", from: "lab.pub") }
        #expect(key?.code == .invalid && key?.message.hasPrefix("lab.pub: not a public key") == true)
        let none = #expect(throws: ManagementError.self) { try NewAccount.keys(in: "# x\n", from: "lab.pub") }
        #expect(none?.message == "lab.pub holds no public key")
        let password = #expect(throws: ManagementError.self) { try NewAccount.hash("short") }
        #expect(password?.code == .invalid && password?.message.contains("short") == false)
    }

    @Test func aFileThatIsNoGoodSpoilsNoOther() async throws {
        _ = try await accounts.add(try lab(), by: .current, warn: { _ in })
        try gate.write("accounts/bad.yaml", "keys: 7\n")
        let listing = try accounts.list()
        #expect(listing.accounts.map(\.name) == ["lab"])
        #expect(throws: SettingsErrors.self) { try listing.check() }
        let bad = #expect(throws: ManagementError.self) { try accounts.show("bad") }
        #expect(bad?.code == .configuration)
    }
}
