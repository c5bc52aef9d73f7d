// The C library libssh2 (1.10 or later), as the system has it. Its macros are called by their `_ex` functions.
#pragma once
#include <libssh2.h>
#include <libssh2_sftp.h>
