// What another user of the machine may use up over the control socket.
import Glibc
import JSON
import Testing

@testable import Management

@Suite struct GuestTests {
    @Test func aUserHasItsEntriesAtOnceAndThenOneAfterEachPause() throws {
        let guests = Guests()
        let start = ContinuousClock.now
        func count(_ user: UInt32, after time: Duration) -> Int {
            var count = 0
            while (try? guests.countEntry(of: user, now: start + time)) != nil { count += 1 }
            return count
        }
        #expect(count(1001, after: .zero) == EntryAllowance.most)
        #expect(count(1001, after: EntryAllowance.pause / 2) == 0)
        #expect(count(1001, after: EntryAllowance.pause) == 1)
        #expect(count(1001, after: EntryAllowance.pause * 4) == 3)
        #expect(count(1002, after: EntryAllowance.pause * 4) == EntryAllowance.most, "another user")
        #expect(
            count(1001, after: EntryAllowance.pause * 500) == EntryAllowance.most,
            "no more than at the start")
        let refusal = #expect(throws: ManagementError.self) {
            try guests.countEntry(of: 1001, now: start + EntryAllowance.pause * 500)
        }
        #expect(refusal?.code == .refused && refusal?.description.contains("try again in 11 s") == true)
    }

    @Test func thoseWhoAreRememberedAreBounded() throws {
        let guests = Guests()
        let start = ContinuousClock.now
        for user in 0..<1024 { try guests.countEntry(of: UInt32(user), now: start) }
        #expect(throws: ManagementError.self) { try guests.countEntry(of: 5000, now: start) }
        #expect(throws: Never.self) { try guests.countEntry(of: 7, now: start) }
        #expect(throws: Never.self) { try guests.countEntry(of: 5000, now: start + EntryAllowance.pause * 3) }
    }

    @Test func aUserLeavesPlacesToTheOthers() {
        let guests = Guests()
        for user in 1...4 {
            for _ in 0..<Guests.mostCallersOfOne { #expect(guests.enter(uid_t(user))) }
            #expect(!guests.enter(uid_t(user)))
        }
        #expect(!guests.enter(5), "there is none left")
        guests.leave(1)
        #expect(guests.enter(5))
    }

    @Test func theEntryOfAGuestIsSmall() throws {
        func attempt(_ bytes: Int, comment: Int) throws {
            let who = try Attribution(
                .localUser(LocalUser(1001)), comment: String(repeating: "c", count: comment))
            _ = try AccessRecord.guestAttempt(
                ["command": "attempts", "query": .string(String(repeating: "q", count: bytes))], by: who)
        }
        try attempt(600, comment: 1024)
        #expect(throws: ManagementError.self) { try attempt(1000, comment: 1024) }
    }
}
