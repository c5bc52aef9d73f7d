// libssh2, the client side of SSH: probes, pulls and tests. It has no server side.
#pragma once
#include <libssh2.h>
#include <libssh2_sftp.h>
