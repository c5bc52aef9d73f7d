// For the session process (Linux): results are those of the system call, -1 with errno on failure.
#pragma once
#include <stdint.h>

/// Blocks SIGTERM, SIGHUP and SIGINT for the calling thread; the descriptor becomes readable when one comes.
int dropgate_termination_signals(void);

/// Starts writing a range of a file to disk and does not wait for it (sync_file_range(2)).
int dropgate_start_writeback(int descriptor, int64_t offset, int64_t count);
