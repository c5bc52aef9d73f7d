/* libssh. The words of the command line are done in one session. cc libssh.c -lssh */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static ssh_session session;
static sftp_session sftp;

static void must(int done, const char *what) {
    if (done) return;
    fprintf(stderr, "%s: %s (SFTP status %d)\n", what, ssh_get_error(session), sftp ? sftp_get_error(sftp) : -1);
    exit(1);
}

static void log_in(void) {
    const char *key = getenv("GATE_KEY"), *password = getenv("GATE_PASSWORD");
    session = ssh_new();
    must(session != NULL, "new");
    ssh_options_set(session, SSH_OPTIONS_HOST, getenv("GATE_HOST"));
    ssh_options_set(session, SSH_OPTIONS_PORT_STR, getenv("GATE_PORT"));
    ssh_options_set(session, SSH_OPTIONS_USER, getenv("GATE_USER"));
    ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, getenv("GATE_KNOWN_HOSTS"));
    must(ssh_connect(session) == SSH_OK, "connect");
    must(ssh_session_is_known_server(session) == SSH_KNOWN_HOSTS_OK, "host key");
    if (key && *key) {
        ssh_key pair = NULL;
        must(ssh_pki_import_privkey_file(key, NULL, NULL, NULL, &pair) == SSH_OK, "read the key");
        must(ssh_userauth_publickey(session, NULL, pair) == SSH_AUTH_SUCCESS, "key");
        ssh_key_free(pair);
    } else {
        must(ssh_userauth_password(session, NULL, password) == SSH_AUTH_SUCCESS, "password");
    }
    sftp = sftp_new(session);
    must(sftp != NULL && sftp_init(sftp) == SSH_OK, "sftp");
}

static void put(const char *local, const char *remote, int resume) {
    static char data[16384];
    size_t count;
    FILE *here = fopen(local, "rb");
    if (!here) perror(local), exit(1);
    sftp_file there = sftp_open(sftp, remote, resume ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(there != NULL, "open");
    if (resume) {
        sftp_attributes found = sftp_fstat(there);
        must(found != NULL, "fstat");
        fseek(here, (long)found->size, SEEK_SET);
        must(sftp_seek64(there, found->size) == 0, "seek");
        sftp_attributes_free(found);
    }
    while ((count = fread(data, 1, sizeof data, here)) > 0)
        must(sftp_write(there, data, count) == (ssize_t)count, "write");
    must(sftp_close(there) == SSH_OK, "close");
    fclose(here);
}

/* Every file of a folder, with or without what lies below it. `remote` is the folder there, or "". */
static void folder(const char *local, const char *remote, int deep) {
    char from[4096], to[4096];
    struct dirent *entry;
    struct stat found;
    DIR *listing = opendir(local);
    if (!listing) perror(local), exit(1);
    if (deep) {
        sftp_attributes there = sftp_stat(sftp, remote);
        if (!there) must(sftp_mkdir(sftp, remote, 0755) == 0, "mkdir");
        else sftp_attributes_free(there);
    }
    while ((entry = readdir(listing)) != NULL) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(from, sizeof from, "%s/%s", local, entry->d_name);
        snprintf(to, sizeof to, "%s%s%s", remote, *remote ? "/" : "", entry->d_name);
        if (stat(from, &found) != 0) perror(from), exit(1);
        if (!S_ISDIR(found.st_mode)) put(from, to, 0);
        else if (deep) folder(from, to, 1);
    }
    closedir(listing);
}

static void check(const char *local, const char *remote) {
    struct stat here;
    sftp_attributes there = sftp_stat(sftp, remote);
    must(there != NULL, "stat");
    must(stat(local, &here) == 0 && (uint64_t)here.st_size == there->size, "size");
    sftp_attributes_free(there);
}

int main(int count, char **words) {
    log_in();
    for (char **word = words + 1; word < words + count;) {
        if (!strcmp(*word, "put")) {
            put(word[1], word[2], 0);
            word += 3;
        } else if (!strcmp(*word, "many")) {
            folder(word[1], "", 0);
            word += 2;
        } else if (!strcmp(*word, "tree")) {
            char *copy = strdup(word[1]);
            folder(word[1], basename(copy), 1);
            free(copy);
            word += 2;
        } else if (!strcmp(*word, "deliver")) {
            put(word[1], word[2], 0);
            must(sftp_rename(sftp, word[2], word[3]) == 0, "rename");
            word += 4;
        } else if (!strcmp(*word, "resume")) {
            put(word[1], word[2], 1);
            word += 3;
        } else if (!strcmp(*word, "check")) {
            check(word[1], word[2]);
            word += 3;
        } else {
            return 64;
        }
    }
    sftp_free(sftp);
    ssh_disconnect(session);
    ssh_free(session);
    return 0;
}
