// OpenSSL 3's libssl and libcrypto, as the system has them, with functions in place of macros that Swift cannot call.
#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline long COpenSSL_set_min_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}

/// The name in the ClientHello (SNI); a name, never an address (RFC 6066 section 3).
static inline long COpenSSL_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}

/// The name of the key exchange's group, or NULL.
static inline const char *COpenSSL_group_name(SSL *ssl) {
    int group = (int)SSL_get_negotiated_group(ssl);
    return group == 0 ? NULL : SSL_group_to_name(ssl, group);
}

static inline size_t COpenSSL_pending(BIO *bio) { return BIO_ctrl_pending(bio); }

static inline int COpenSSL_count(const STACK_OF(X509) *chain) { return chain == NULL ? 0 : sk_X509_num(chain); }

static inline X509 *COpenSSL_certificate(const STACK_OF(X509) *chain, int index) { return sk_X509_value(chain, index); }

/// Moves what a memory BIO holds to `text`, with a NUL behind it, and frees the BIO.
static inline void COpenSSL_take(BIO *bio, char *text, int size) {
    int count = BIO_read(bio, text, size - 1);
    text[count > 0 ? count : 0] = 0;
    BIO_free(bio);
}

/// A distinguished name as one line (RFC 2253 order and escapes, UTF-8 kept).
static inline void COpenSSL_name_text(const X509_NAME *name, char *text, int size) {
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, name, 0, (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) | XN_FLAG_SEP_COMMA_PLUS);
    COpenSSL_take(bio, text, size);
}

/// An extension as OpenSSL prints it ("DNS:a.example, IP Address:127.0.0.1"), empty when it is not there.
static inline void COpenSSL_extension_text(const X509 *certificate, int nid, char *text, int size) {
    BIO *bio = BIO_new(BIO_s_mem());
    int index = X509_get_ext_by_NID(certificate, nid, -1);
    if (index >= 0) X509V3_EXT_print(bio, X509_get_ext(certificate, index), 0, 0);
    COpenSSL_take(bio, text, size);
}
