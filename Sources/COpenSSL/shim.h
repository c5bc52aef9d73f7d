// OpenSSL 3's libssl and libcrypto, as the system has them, with functions in place of macros that Swift cannot call.
#pragma once
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Message authentication codes: EVP_MAC-HMAC(7).

/// A code that waits for its first piece, or NULL where this hash is not to be had. OpenSSL wants the address even of
/// a key of no bytes.
static inline EVP_MAC_CTX *COpenSSL_hmac(EVP_MAC *mac, const char *digest, const unsigned char *key, size_t count) {
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", (char *)digest, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    if (context == NULL) return NULL;
    if (EVP_MAC_init(context, count > 0 ? key : (const unsigned char *)"", count, parameters) == 1) return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

// Digests: EVP_MD_fetch(3).

static CRYPTO_ONCE COpenSSL_sha256_once = CRYPTO_ONCE_STATIC_INIT;
static const EVP_MD *COpenSSL_sha256_found = NULL;

static CRYPTO_THREAD_LOCAL COpenSSL_sha256_spare = 0;

static inline void COpenSSL_free_digest(void *state) { EVP_MD_CTX_free((EVP_MD_CTX *)state); }

static inline void COpenSSL_find_sha256(void) {
    if (CRYPTO_THREAD_init_local(&COpenSSL_sha256_spare, COpenSSL_free_digest) == 1)
        COpenSSL_sha256_found = EVP_MD_fetch(NULL, "SHA2-256", NULL);
}

/// SHA-256, fetched once for the process and never freed, or NULL where it is not to be had. Whoever gets it sees it whole,
/// from any thread: that is what CRYPTO_THREAD_run_once(3) is for.
static inline const EVP_MD *COpenSSL_sha256(void) {
    return CRYPTO_THREAD_run_once(&COpenSSL_sha256_once, COpenSSL_find_sha256) == 1 ? COpenSSL_sha256_found : NULL;
}

/// A digest at its beginning, or NULL. `COpenSSL_end_sha256` takes it back. Each thread keeps one for its next digest, because to
/// make one takes three allocations, which for some hundred bytes cost as much as the digest.
static inline EVP_MD_CTX *COpenSSL_begin_sha256(void) {
    const EVP_MD *algorithm = COpenSSL_sha256();
    if (!algorithm) return NULL;
    EVP_MD_CTX *state = (EVP_MD_CTX *)CRYPTO_THREAD_get_local(&COpenSSL_sha256_spare);
    if (state && CRYPTO_THREAD_set_local(&COpenSSL_sha256_spare, NULL) == 1) return state;
    state = EVP_MD_CTX_new();
    if (state && EVP_DigestInit_ex2(state, algorithm, NULL) == 1) return state;
    EVP_MD_CTX_free(state);
    return NULL;
}

/// What is kept was begun anew: nothing of what it was given stays in it.
static inline void COpenSSL_end_sha256(EVP_MD_CTX *state) {
    if (!CRYPTO_THREAD_get_local(&COpenSSL_sha256_spare) && EVP_DigestInit_ex2(state, NULL, NULL) == 1 &&
        CRYPTO_THREAD_set_local(&COpenSSL_sha256_spare, state) == 1)
        return;
    EVP_MD_CTX_free(state);
}

static inline void COpenSSL_free(void *memory) { OPENSSL_free(memory); }

// Contexts: SSL_CTX_ctrl(3) and friends.

static inline int COpenSSL_set_min_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int COpenSSL_set_max_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}

static inline int COpenSSL_min_version(SSL_CTX *context) { return (int)SSL_CTX_get_min_proto_version(context); }

/// What every context of ours has: no renegotiation, no compression, the server's order of ciphers, writes that may be
/// tried again from another place in memory.
static inline void COpenSSL_set_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static inline void COpenSSL_set_session_cache(SSL_CTX *context, int isOn, long sessions) {
    SSL_CTX_set_session_cache_mode(context, isOn ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_cache_size(context, sessions);
}

static inline int COpenSSL_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline int COpenSSL_cipher_count(const STACK_OF(SSL_CIPHER) *ciphers) {
    return ciphers == NULL ? 0 : sk_SSL_CIPHER_num(ciphers);
}

static inline const SSL_CIPHER *COpenSSL_cipher(const STACK_OF(SSL_CIPHER) *ciphers, int index) {
    return sk_SSL_CIPHER_value(ciphers, index);
}

// Sessions.

/// The name in the ClientHello (SNI); a name, never an address (RFC 6066 section 3).
static inline long COpenSSL_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}

/// From now on a session that waits keeps no buffers: 34 KiB. A handshake would only free and get them again.
static inline void COpenSSL_release_buffers(SSL *ssl) { SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS); }

/// The name of the key exchange's group, or NULL.
static inline const char *COpenSSL_group_name(SSL *ssl) {
    int group = (int)SSL_get_negotiated_group(ssl);
    return group == 0 ? NULL : SSL_group_to_name(ssl, group);
}

// Memory BIOs.

/// A memory BIO that says "later" when it is empty, and not "at its end".
static inline BIO *COpenSSL_memory(void) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL) BIO_set_mem_eof_return(bio, -1);
    return bio;
}

/// From now on an empty BIO is at its end.
static inline void COpenSSL_end(BIO *bio) { BIO_set_mem_eof_return(bio, 0); }

static inline size_t COpenSSL_pending(BIO *bio) { return BIO_ctrl_pending(bio); }

/// What a memory BIO holds, without taking it.
static inline size_t COpenSSL_contents(BIO *bio, char **bytes) {
    long count = BIO_get_mem_data(bio, bytes);
    return count > 0 ? (size_t)count : 0;
}

static inline void COpenSSL_empty(BIO *bio) { (void)BIO_reset(bio); }

// Certificates.

static inline int COpenSSL_count(const STACK_OF(X509) *chain) { return chain == NULL ? 0 : sk_X509_num(chain); }

static inline X509 *COpenSSL_certificate(const STACK_OF(X509) *chain, int index) { return sk_X509_value(chain, index); }

static inline STACK_OF(X509) *COpenSSL_stack(void) { return sk_X509_new_null(); }

/// Takes a reference of its own; 0 without memory.
static inline int COpenSSL_push(STACK_OF(X509) *chain, X509 *certificate) {
    if (!X509_up_ref(certificate)) return 0;
    if (sk_X509_push(chain, certificate) > 0) return 1;
    X509_free(certificate);
    return 0;
}

static inline void COpenSSL_free_stack(STACK_OF(X509) *chain) { sk_X509_pop_free(chain, X509_free); }

static inline STACK_OF(X509_NAME) *COpenSSL_names(void) { return sk_X509_NAME_new_null(); }

/// Adds a copy; 0 without memory.
static inline int COpenSSL_add_name(STACK_OF(X509_NAME) *names, const X509_NAME *name) {
    X509_NAME *copy = X509_NAME_dup(name);
    if (copy == NULL) return 0;
    if (sk_X509_NAME_push(names, copy) > 0) return 1;
    X509_NAME_free(copy);
    return 0;
}

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

/// Adds an extension written as in openssl.cnf(5); 0 when OpenSSL does not take it.
static inline int COpenSSL_add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

/// A new key on P-256.
static inline EVP_PKEY *COpenSSL_new_p256_key(void) { return EVP_EC_gen("P-256"); }
