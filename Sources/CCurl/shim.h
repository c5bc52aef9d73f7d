// libcurl, as the system has it: one HTTP exchange as one function, as Swift cannot call functions of variable arguments.
#pragma once
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

typedef struct CCurl_body {
    char *bytes;
    size_t count;
    size_t limit;
} CCurl_body;

/// CURLOPT_WRITEFUNCTION(3): taking less than was given ends the transfer.
static size_t CCurl_collect(char *bytes, size_t size, size_t count, void *target) {
    CCurl_body *body = (CCurl_body *)target;
    size_t more = size * count;
    if (more > body->limit - body->count) return 0;
    char *grown = (char *)realloc(body->bytes, body->count + more);
    if (grown == NULL) return 0;
    memcpy(grown + body->count, bytes, more);
    body->bytes = grown;
    body->count += more;
    return more;
}

/// POST of `sent` bytes of this type, or GET where `sent` is NULL. No redirect is followed, and nothing but HTTP is
/// spoken. The answer's body goes to `body`, up to its limit; its bytes are the caller's to free, also after an error.
/// Gives 0 and the status, or a CURLcode and words in `error`, which has CURL_ERROR_SIZE bytes.
static inline int CCurl_exchange(const char *url, const char *sent, size_t sent_count, const char *type,
                                 long milliseconds, CCurl_body *body, long *status, char *error) {
    error[0] = 0;
    CURL *curl = curl_easy_init();
    if (curl == NULL) return CURLE_FAILED_INIT;
    struct curl_slist *headers = NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "dropgate");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, CCurl_collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (sent != NULL) {
        char line[256];
        snprintf(line, sizeof line, "Content-Type: %s", type);
        headers = curl_slist_append(headers, line);
        // Small bodies go at once: no question whether the server wants them.
        headers = curl_slist_append(headers, "Expect:");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)sent_count);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent);
    }
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    if (code != CURLE_OK && error[0] == 0) {
        strncpy(error, curl_easy_strerror(code), CURL_ERROR_SIZE - 1);
        error[CURL_ERROR_SIZE - 1] = 0;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return (int)code;
}

/// Once in a process, before anything else.
static inline int CCurl_begin(void) { return (int)curl_global_init(CURL_GLOBAL_DEFAULT); }
