/* Writes down what a process does to the files of a folder: preloaded (LD_PRELOAD); the folder is
   named by QUICKSTUDY_TRACED, the record by QUICKSTUDY_TRACE. A change is made and written down
   under one lock, so the record has them in their order; of a sync its begin and its end.
   What is written through a mapping (SQLite's -shm) is not seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, BEGIN, END, CREATE, FOLDER, RENAME, UNLINK };

struct line { /* then the path, then the other path or the data */
    uint32_t kind, path;
    uint64_t file, at, more;
};

static int record = -1;
static char folder[1024];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("QUICKSTUDY_TRACE"), *traced = getenv("QUICKSTUDY_TRACED");
    if (!path || !traced) return;
    strncpy(folder, traced, sizeof folder - 1);
    record = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int watched(const char *path) {
    return record >= 0 && !strncmp(path, folder, strlen(folder));
}

/* Whether a file is one of the folder's; if so its number, and its path. */
static int known(int fd, uint64_t *file, char *path, size_t size) {
    char link[64];
    struct stat facts;
    int before = errno;
    if (record < 0 || fd == record) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length >= 0) path[length] = 0;
    int found = length >= 0 && watched(path) && fstat(fd, &facts) == 0;
    if (found) *file = facts.st_ino;
    errno = before;
    return found;
}

static uint64_t number_of(const char *path) {
    struct stat facts;
    return lstat(path, &facts) == 0 ? facts.st_ino : 0;
}

static void note(uint32_t kind, uint64_t file, const char *path, uint64_t at, const void *more,
                 uint64_t size) {
    struct line line = {kind, (uint32_t)strlen(path), file, at, size};
    struct iovec parts[] = {
        {&line, sizeof line}, {(void *)path, line.path}, {(void *)more, more ? size : 0}};
    int before = errno;
    ssize_t whole = (ssize_t)(sizeof line + line.path + (more ? size : 0));
    if (writev(record, parts, 3) != whole) abort();
    errno = before;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define HOLD pthread_mutex_lock(&lock)
#define RELEASE pthread_mutex_unlock(&lock)

/* A write; `place` is where it went. */
#define WRITTEN(call, place) do { \
    char path[1024]; uint64_t file; \
    if (!known(fd, &file, path, sizeof path)) return call; \
    HOLD; \
    ssize_t done = call; \
    if (done > 0) note(WRITE, file, path, (uint64_t)(place), data, (uint64_t)done); \
    RELEASE; \
    return done; } while (0)

ssize_t write(int fd, const void *data, size_t n) {
    WRITTEN(REAL(write)(fd, data, n), lseek(fd, 0, SEEK_CUR) - done);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    WRITTEN(REAL(pwrite)(fd, data, n, at), at);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    WRITTEN(REAL(pwrite64)(fd, data, n, at), at);
}

#define TRUNCATED(call) do { \
    char path[1024]; uint64_t file; \
    if (!known(fd, &file, path, sizeof path)) return call; \
    HOLD; \
    int done = call; \
    if (done == 0) note(TRUNCATE, file, path, (uint64_t)n, NULL, 0); \
    RELEASE; \
    return done; } while (0)

int ftruncate(int fd, off_t n) { TRUNCATED(REAL(ftruncate)(fd, n)); }
int ftruncate64(int fd, off64_t n) { TRUNCATED(REAL(ftruncate64)(fd, n)); }

#define SYNCED(call) do { \
    char path[1024]; uint64_t file; \
    if (!known(fd, &file, path, sizeof path)) return call; \
    HOLD; note(BEGIN, file, path, (uint64_t)gettid(), NULL, 0); RELEASE; \
    int done = call; \
    HOLD; \
    if (done == 0) note(END, file, path, (uint64_t)gettid(), NULL, 0); \
    RELEASE; \
    return done; } while (0)

int fsync(int fd) { SYNCED(REAL(fsync)(fd)); }
int fdatasync(int fd) { SYNCED(REAL(fdatasync)(fd)); }

/* A change of names. */
#define NAMED(path, done, what) do { \
    if (!watched(path)) return done; \
    HOLD; \
    int result = done; \
    if (result == 0) what; \
    RELEASE; \
    return result; } while (0)

int rename(const char *from, const char *to) {
    NAMED(to, REAL(rename)(from, to), note(RENAME, number_of(to), from, 0, to, strlen(to)));
}
int unlink(const char *path) {
    NAMED(path, REAL(unlink)(path), note(UNLINK, 0, path, 0, NULL, 0));
}
int mkdir(const char *path, mode_t mode) {
    NAMED(path, REAL(mkdir)(path, mode), note(FOLDER, number_of(path), path, 0, NULL, 0));
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}
#define OPENED(call) do { \
    va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
    if (!watched(path) || !(flags & (O_CREAT | O_TRUNC))) return call; \
    HOLD; \
    uint64_t before = number_of(path); \
    int fd = call; \
    if (fd >= 0 && !before) note(CREATE, number_of(path), path, 0, NULL, 0); \
    if (fd >= 0 && before && flags & O_TRUNC) note(TRUNCATE, before, path, 0, NULL, 0); \
    RELEASE; \
    return fd; } while (0)

int open(const char *path, int flags, ...) { OPENED(REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPENED(REAL(open64)(path, flags, mode)); }
