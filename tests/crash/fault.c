/* Makes the n-th write to files under a folder fail: preloaded (LD_PRELOAD), told what to do
   through a shared file that QUICKSTUDY_FAULTS names, counted over all processes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, CREATE = 8, RENAME = 16 };

struct control {
    long calls;    /* of the kinds that count, so far */
    long fail_at;  /* number of the call that fails, 0 for none */
    long failed;   /* calls that failed */
    int error, keep, kinds, torn;
    char watched[1024]; /* a path's beginning */
    char last[1024];    /* the file of the last failure */
};

static struct control *control;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("QUICKSTUDY_FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) control = map;
}

/* 0: goes on; 1: fails; 2: writes only half of its bytes, and the next call fails. */
static int fails(int kind, const char *path) {
    if (!(control->kinds & kind) || strncmp(path, control->watched, strlen(control->watched)))
        return 0;
    long number = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
    long later = number - control->fail_at;
    if (later < 0 || (later > 0 && !control->keep && !(control->torn && later == 1))) return 0;
    __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
    strncpy(control->last, path, sizeof control->last - 1);
    return control->torn && kind == WRITE && later == 0 ? 2 : 1;
}

static int fails_at(int kind, int fd) {
    char link[64], path[1024];
    if (!control || !control->fail_at) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(kind, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL do { errno = control->error; return -1; } while (0)
#define WRITTEN(name, n, ...) do { \
    int how = fails_at(WRITE, fd); \
    if (how == 1 || (how == 2 && (n) < 2)) FAIL; \
    return REAL(name)(fd, data, how == 2 ? (n) / 2 : (n) __VA_ARGS__); } while (0)

ssize_t write(int fd, const void *data, size_t n) { WRITTEN(write, n); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { WRITTEN(pwrite, n, , at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { WRITTEN(pwrite64, n, , at); }
int fsync(int fd) {
    if (fails_at(SYNC, fd)) FAIL;
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    if (fails_at(SYNC, fd)) FAIL;
    return REAL(fdatasync)(fd);
}
int ftruncate(int fd, off_t n) {
    if (fails_at(TRUNCATE, fd)) FAIL;
    return REAL(ftruncate)(fd, n);
}
int ftruncate64(int fd, off64_t n) {
    if (fails_at(TRUNCATE, fd)) FAIL;
    return REAL(ftruncate64)(fd, n);
}
int rename(const char *from, const char *to) {
    if (control && control->fail_at && fails(RENAME, to)) FAIL;
    return REAL(rename)(from, to);
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}
static int refused(const char *path, int flags) {
    return control && control->fail_at && flags & O_CREAT && access(path, F_OK) != 0 &&
           fails(CREATE, path);
}
int open(const char *path, int flags, ...) {
    va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest);
    if (refused(path, flags)) FAIL;
    return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest);
    if (refused(path, flags)) FAIL;
    return REAL(open64)(path, flags, mode);
}
