// What another gate says of a drop: only what is understood decides anything.
import Reachability
import Testing

@Suite struct DropFateTests {
    private let id = "01kb0000000000000000000000"

    private func fate(_ members: String) -> DropFate {
        DropFate(Array("{\"drop\":\"\(id)\",\(members)}".utf8), id: id)
    }

    @Test func whatWaitsIsHeldOn() {
        #expect(fate(#""state":"released""#) == .waits && fate(#""state":"pending""#) == .waits)
    }

    @Test(arguments: ["acknowledged", "forgotten"]) func onlyItsOwnAcknowledgementReleasesADrop(state: String)
    {
        #expect(fate(#""state":"\#(state)","by_you":true"#) == .acknowledged)
        guard case .gone = fate(#""state":"\#(state)","by_you":false"#) else {
            Issue.record("another one has it")
            return
        }
        #expect(fate(#""state":"\#(state)""#) == .unknown)
    }

    @Test func whatIsLostThereIsTheLastCopyHere() { #expect(fate(#""state":"lost""#) == .lost) }

    @Test(arguments: ["withdrawn", "taken"]) func whatSomebodyElseHasIsGone(state: String) {
        #expect(fate(#""state":"\#(state)""#) == .gone(state))
    }

    @Test func nothingIsDoneByWhatIsNotUnderstood() {
        #expect(fate(#""state":"of tomorrow""#) == .unknown && fate(#""x":1"#) == .unknown)
        #expect(DropFate(Array("nonsense".utf8), id: id) == .unknown && DropFate([], id: id) == .unknown)
        let other = Array(#"{"drop":"01kb0000000000000000000001","state":"withdrawn"}"#.utf8)
        #expect(DropFate(other, id: id) == .unknown)
    }
}
