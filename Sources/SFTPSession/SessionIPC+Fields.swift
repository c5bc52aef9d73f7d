// How each message is written: its fields in their order.

extension SessionHello: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        version = try fields.next()
        // Whose release is another one is told so, whatever it says next.
        guard version == SessionIPC.version else {
            self = .stranger(version: version)
            fields.skip()
            return
        }
        connection = try fields.next()
        user = try fields.next()
        pid = try fields.next()
        authentication = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(version)
        fields.add(connection)
        fields.add(user)
        fields.add(pid)
        fields.add(authentication)
    }
}

extension SessionWelcome: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        ok = try fields.next()
        account = try fields.next()
        incoming = try fields.next()
        staging = try fields.next()
        maxFile = try fields.next()
        mostInline = try fields.next()
        provisional = try fields.next()
        idleTimeout = try fields.next()
        message = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(ok)
        fields.add(account)
        fields.add(incoming)
        fields.add(staging)
        fields.add(maxFile)
        fields.add(mostInline)
        fields.add(provisional)
        fields.add(idleTimeout)
        fields.add(message)
    }
}

extension UploadCommit: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        id = try fields.next()
        drop = try fields.next()
        isInline = try fields.next()
        path = try fields.next()
        bytes = try fields.next()
        sha256 = try fields.next()
        modified = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(id)
        fields.add(drop)
        fields.add(isInline)
        fields.add(path)
        fields.add(bytes)
        fields.add(sha256)
        fields.add(modified)
    }
}

extension UploadCommitAnswer: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        id = try fields.next()
        ok = try fields.next()
        status = try fields.next()
        name = try fields.next()
        code = try fields.next()
        message = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(id)
        fields.add(ok)
        fields.add(status)
        fields.add(name)
        fields.add(code)
        fields.add(message)
    }
}

extension SessionRefusal: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        reason = try fields.next()
        operation = try fields.next()
        path = try fields.next()
        message = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(reason)
        fields.add(operation)
        fields.add(path)
        fields.add(message)
    }
}

extension NameQuestion: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        about = try fields.next()
        path = try fields.next()
        after = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(about)
        fields.add(path)
        fields.add(after)
    }
}

extension NameAnswer: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        entries = try fields.next()
        hasMore = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(entries)
        fields.add(hasMore)
    }
}

extension NameAnswer.Entry: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        name = try fields.next()
        isDirectory = try fields.next()
        bytes = try fields.next()
        modified = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(name)
        fields.add(isDirectory)
        fields.add(bytes)
        fields.add(modified)
    }
}

extension NameChange: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        what = try fields.next()
        path = try fields.next()
        to = try fields.next()
        replaces = try fields.next()
        open = try fields.next()
        size = try fields.next()
        modified = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(what)
        fields.add(path)
        fields.add(to)
        fields.add(replaces)
        fields.add(open)
        fields.add(size)
        fields.add(modified)
    }
}

extension ChangeAnswer: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        failure = try fields.next()
        message = try fields.next()
        bytes = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(failure)
        fields.add(message)
        fields.add(bytes)
    }
}

extension UploadOpening: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        path = try fields.next()
        exclusive = try fields.next()
        mustExist = try fields.next()
        fresh = try fields.next()
        appends = try fields.next()
        modified = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(path)
        fields.add(exclusive)
        fields.add(mustExist)
        fields.add(fresh)
        fields.add(appends)
        fields.add(modified)
    }
}

extension UploadOpened: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        drop = try fields.next()
        standing = try fields.next()
        room = try fields.next()
        bytes = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(drop)
        fields.add(standing)
        fields.add(room)
        fields.add(bytes)
    }
}

extension RoomRequest: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        drop = try fields.next()
        bytes = try fields.next()
        least = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(drop)
        fields.add(bytes)
        fields.add(least)
    }
}

extension UploadEnded: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        drop = try fields.next()
        path = try fields.next()
        outcome = try fields.next()
        bytes = try fields.next()
        prefix = try fields.next()
        modified = try fields.next()
        message = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(drop)
        fields.add(path)
        fields.add(outcome)
        fields.add(bytes)
        fields.add(prefix)
        fields.add(modified)
        fields.add(message)
    }
}

extension SessionEnding: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        message = try fields.next()
        answers = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(message)
        fields.add(answers)
    }
}

extension CollectQuestion: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        drop = try fields.next()
        before = try fields.next()
        opens = try fields.next()
        acknowledges = try fields.next()
        asksStanding = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(drop)
        fields.add(before)
        fields.add(opens)
        fields.add(acknowledges)
        fields.add(asksStanding)
    }
}

extension CollectPage: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        ok = try fields.next()
        drops = try fields.next()
        next = try fields.next()
        message = try fields.next()
        standing = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(ok)
        fields.add(drops)
        fields.add(next)
        fields.add(message)
        fields.add(standing)
    }
}

extension CollectPage.Drop: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        id = try fields.next()
        path = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(id)
        fields.add(path)
    }
}

extension ProbeNotice: SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine) {
        path = try fields.next()
        bytes = try fields.next()
    }

    func write(_ fields: inout FieldWriter) {
        fields.add(path)
        fields.add(bytes)
    }
}
