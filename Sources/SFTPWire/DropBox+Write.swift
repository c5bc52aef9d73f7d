// WRITE: joined with its neighbours in the input as long as they follow one another, checked against the
// size limit, and noted as out of order before the first one that is.

extension DropBox {
    /// Turns the gathered writes into a request.
    /// - Returns: false when there are none.
    mutating func flush() -> Bool {
        guard !pieces.isEmpty else { return false }
        pending = Pending(
            request: .write(gatherSlot, offset: gather.lowerBound, count: gather.count), purpose: .write)
        return true
    }

    /// Leaves the packet where it is when something else must be done before it; it comes again then.
    mutating func takeWrite(_ frame: Frame, _ write: WriteRequest) {
        if let refusal {
            if !flush() { fail(frame, refusal) }
            return
        }
        guard let slot = handles.slot(of: write.handle), let upload = handles.upload(slot) else {
            fail(frame, "WRITE: there is no such open file")
            return
        }
        let gathering = !pieces.isEmpty
        let joins = gathering && gatherSlot == slot && pieces.count < WireLimit.gather
        let size = joins ? gather.upperBound : upload.size
        let offset = upload.appends ? size : Int64(clamping: write.offset)
        let (end, overflow) = offset.addingReportingOverflow(Int64(write.data.count))
        let tooLarge = overflow || end > settings.maxFile ?? .max
        if gathering, !joins || offset != gather.upperBound || tooLarge {
            _ = flush()
            return
        }
        switch upload.condition {
        case .good: break
        case .broken(let text), .refused(let text):
            fail(frame, text)
            return
        case .removed:
            fail(frame, "\(upload.path): it was removed while it was open")
            return
        }
        if tooLarge {
            refuseTooLarge(frame, offset, slot, upload)
            return
        }
        if !gathering {
            // A write of nothing changes nothing, and decides nothing.
            if write.data.isEmpty {
                consumed = frame.end
                reply.ok(frame.id)
                return
            }
            guard accepts(offset, frame, slot, upload) else { return }
        }
        consumed = frame.end
        waiting.append(frame.id)
        if gathering {
            gather = gather.lowerBound..<end
        } else {
            gatherSlot = slot
            gather = offset..<end
        }
        pieces.append(write.data)
    }

    /// The order of writes: false when the packet has to wait or has been answered.
    private mutating func accepts(
        _ offset: Int64, _ frame: Frame, _ slot: Int, _ upload: Upload
    ) -> Bool {
        if upload.start != .decided { return begins(offset, frame, slot, upload) }
        if offset < upload.kept {
            // Not the rest of the earlier upload after all: its bytes no longer count as arrived.
            handles.withUpload(slot) { upload in
                upload.extents.forget(below: upload.kept)
                upload.kept = 0
            }
        }
        if upload.sequential, offset != upload.size {
            pending = Pending(request: .leaveSequence(slot), purpose: .leaveSequence(frame, slot))
            return false
        }
        if upload.extents.ranges.count >= WireLimit.extents {
            let text = "\(upload.path): it arrives in too many separate pieces; send it in order"
            handles.withUpload(slot) { $0.condition = .broken(text) }
            fail(frame, text)
            return false
        }
        return true
    }

    /// The first write over something that is there: false when the packet has to wait or has been answered.
    private mutating func begins(_ offset: Int64, _ frame: Frame, _ slot: Int, _ upload: Upload) -> Bool {
        switch upload.start {
        case .decided: return true
        case .partial:
            // Where the earlier upload ends, it goes on. Anywhere else these are bytes of another file.
            let kept = offset == upload.size ? upload.size : 0
            pending = Pending(
                request: .begin(slot, keeping: kept), purpose: .begin(.write(frame), slot, keeping: kept))
            return false
        case .delivered:
            guard offset > 0 else {
                handles.withUpload(slot) { $0.start = .decided }
                return true
            }
            let text =
                "\(upload.path): was delivered whole, so nothing can be appended to it or changed in it; send the whole file again"
            report(.forbiddenOperation, "WRITE", upload.path.absolute, text)
            handles.withUpload(slot) { $0.condition = .refused(text) }
            consumed = frame.end
            pending = Pending(request: .discard(slot), purpose: .refused(frame.id, text))
            return false
        }
    }

    /// Nothing of it is kept: it would count against its account until its time is over, and can never be whole.
    private mutating func refuseTooLarge(
        _ frame: Frame, _ offset: Int64, _ slot: Int, _ upload: Upload
    ) {
        // An earlier upload stays as it was if it is whole, or if this does not go on with it.
        let stays =
            if case .partial(let isWhole) = upload.start { isWhole || offset != upload.size } else { false }
        let text = tooLarge(upload.path) + (stays ? "" : "; what has arrived of it is given up")
        report(.tooLarge, "WRITE", upload.path.bytes, text)
        handles.withUpload(slot) { $0.condition = .refused(text) }
        consumed = frame.end
        closing = max(closing, .whenIdle)
        pending = Pending(request: stays ? .putBack(slot) : .discard(slot), purpose: .refused(frame.id, text))
    }

    func tooLarge(_ path: VirtualPath) -> String {
        "\(path): larger than the \(settings.maxFile ?? .max) bytes that this gate takes; ask its owner for more (sftp.max_file, sftp.max_pending_bytes)"
    }

    mutating func fail(_ frame: Frame, _ text: String) {
        consumed = frame.end
        closing = max(closing, .whenIdle)
        reply.status(frame.id, .failure, text)
    }

    /// The gathered writes are on disk, or they are not.
    mutating func written(_ failure: StoreError?) {
        let range = gather
        if let failure {
            closing = max(closing, .whenIdle)
            handles.withUpload(gatherSlot) { $0.condition = .broken(failure.message) }
            for id in waiting { reply.status(id, failure.status, failure.message) }
        } else {
            handles.withUpload(gatherSlot) { upload in
                upload.extents.insert(range)
                upload.size = max(upload.size, range.upperBound)
            }
            for id in waiting { reply.ok(id) }
        }
        pieces.removeAll(keepingCapacity: true)
        waiting.removeAll(keepingCapacity: true)
    }

    mutating func leftSequence(_ frame: Frame, _ slot: Int, _ failure: StoreError?) {
        if let failure {
            handles.withUpload(slot) { $0.condition = .broken(failure.message) }
            fail(frame, failure.message)
        } else {
            handles.withUpload(slot) { $0.sequential = false }
        }
    }
}
