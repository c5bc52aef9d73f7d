// Which names are temporary where nothing is said: those that clients and partners use for what is still being written.
import Admission
import Settings
import Staging
import Testing

@Suite struct ProvisionalNamesTests {
    private let names = TemporaryNames(SFTPSettings.usualProvisional)

    @Test(arguments: [
        "a.hl7.writing", ".a.hl7", "a.uploading", "a.inprogress", "a.new", "A.TMP", "tmp/x", "a.csv.filepart",
        "a.csv.part", "a.bin.dc12ab34.partial", "a.temp", "a.in_progress", "a.in-progress", "a.incomplete",
        "a.csv.crdownload", "a.csv~", ".in.a.csv", "in/tmp/a.csv", "Temp/a.csv", "uploading/a",
        "in/.hidden/a.csv",
    ])
    func whatIsStillBeingWritten(_ path: String) { #expect(names.match(path)) }

    @Test(arguments: [
        "a~2.csv", "new.csv", "tmpfile.csv", "report.partially.csv", "a.csv", "template/a.csv",
        "uploads/a.csv",
        "a.newest", "a.tmp.csv", "partial.csv", "temp.csv", "a.tar.gz", "inprogress.csv", "new/a.csv",
        "a.temperature",
    ])
    func aFinalNameIsNotTakenForAProvisionalOne(_ path: String) { #expect(!names.match(path)) }

    @Test func theDefaultIsWhatIsUsual() throws {
        let settings = try SFTPSettings(
            listen: ListenAddress(ip: IPAddress("127.0.0.1"), port: 22), hostKeys: [])
        #expect(settings.provisional == SFTPSettings.usualProvisional)
    }
}
