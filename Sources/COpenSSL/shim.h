// OpenSSL 3's libssl and libcrypto, as the system has them, with functions in place of macros that Swift cannot call.
#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
