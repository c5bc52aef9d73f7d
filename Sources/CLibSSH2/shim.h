// The C library libssh2 (1.10 or later), as the system has it. Its macros are called by their `_ex` functions.
#pragma once
#include <libssh2.h>
#include <libssh2_sftp.h>

// LIBSSH2_RECV_FUNC and LIBSSH2_SEND_FUNC: both answer a count, or errno as a negative number.
typedef ssize_t CLibSSH2_receive(libssh2_socket_t, void *, size_t, int, void **);
typedef ssize_t CLibSSH2_transmit(libssh2_socket_t, const void *, size_t, int, void **);

// By libssh2_session_callback_set2(3), which libssh2 1.11.1 has in place of libssh2_session_callback_set(3).
static inline void CLibSSH2_set_callbacks(
    LIBSSH2_SESSION *session, CLibSSH2_receive *receive, CLibSSH2_transmit *transmit) {
#if LIBSSH2_VERSION_NUM >= 0x010b01
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_RECV, (libssh2_cb_generic *)receive);
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_SEND, (libssh2_cb_generic *)transmit);
#else
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)receive);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)transmit);
#endif
}
