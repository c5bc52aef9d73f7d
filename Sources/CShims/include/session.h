// For the session process (Linux): results are those of the system call, -1 with errno on failure.
#pragma once
#include <stdint.h>

/// Blocks SIGTERM, SIGHUP and SIGINT for the calling thread; the descriptor becomes readable when one comes.
int dropgate_termination_signals(void);

/// Locks a file for the open file description, exclusively and without waiting (F_OFD_SETLK): EAGAIN when it is
/// locked already.
int dropgate_lock(int descriptor);

/// Gives the lock of the open file description up again.
int dropgate_unlock(int descriptor);

/// Whether another open file description has the file locked: 1 or 0. Takes no lock itself, not for a moment.
int dropgate_is_locked(int descriptor);

/// Starts writing a range of a file to disk and does not wait for it (sync_file_range(2)).
int dropgate_start_writeback(int descriptor, int64_t offset, int64_t count);

/// Gives a pipe so much room (F_SETPIPE_SZ, fcntl(2)): its size then, or -1 where that is not allowed or it is no pipe.
int dropgate_widen_pipe(int descriptor, int bytes);
