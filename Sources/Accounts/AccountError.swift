// Why an account, a key or a password was not taken: a code for programs, a message for the person who
// can mend it. Messages never carry a password or its hash.
package import Settings

/// A failure about accounts.
package struct AccountError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ description: String) { self.description = description }

        /// Not a name that an account may have.
        package static let badName = Code("bad_name")
        /// Not an OpenSSH public key line that the gate takes.
        package static let badKey = Code("bad_key")
        /// Not a password or a crypt(3) hash that the gate takes.
        package static let badPassword = Code("bad_password")
        /// Not something that a collector can collect.
        package static let badScope = Code("bad_scope")
        /// The account's file does not say what it must.
        package static let badFile = Code("bad_file")
        package static let exists = Code("exists")
        package static let notFound = Code("not_found")
        /// The directory of the accounts is none, or this process may not use it: a person sets that right.
        package static let unusable = Code("unusable")
        /// There is no room for the account's file.
        package static let full = Code("full")
        /// The file system refused.
        package static let failed = Code("failed")
    }

    package let code: Code
    /// What is wrong and what to do about it.
    package let message: String
    /// What is wrong in the account's file, one by one, when it is that.
    package let problems: [SettingsProblem]

    package init(_ code: Code, _ message: String, problems: [SettingsProblem] = []) {
        self.code = code
        self.message = message
        self.problems = problems
    }

    package var description: String { message }
}
