/* Preloaded (LD_PRELOAD) into a child of the tests: counts the system calls that touch files below
 * one watched path and fails, shortens or dies at the n-th. Python's own calls lie elsewhere and
 * are not counted. Steered through ctypes: see shim.py, which names the kinds in the same order. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum kind { READ, WRITE, COPY, SENDFILE, SYNC, RENAME, LINK, UNLINK, MKDIR, OPEN, CLOSE, UTIME, CHMOD, FLOCK, KINDS };
enum action { NOTHING, FAIL, FAIL_LATE, SHORTEN, EXIT_BEFORE, EXIT_AFTER };
#define EXIT_CODE 77

static char watched[PATH_MAX];
static size_t watched_length;
static int armed, unsynced;
static long counted, fired, at;
static enum action action;
static int error, persistent;
static unsigned kinds, refused;
static int refused_error;
static char journal[1 << 16];
static size_t journal_length;

/* Steering. */

void fault_watch(const char *path, int skip_syncs)
{
    watched_length = strlen(path);
    memcpy(watched, path, watched_length + 1);
    unsynced = skip_syncs;
}

/* Calls of these kinds always fail with this error and are not counted. */
void fault_refuse(unsigned which, int with_error)
{
    refused = which;
    refused_error = with_error;
}

/* Act at the n-th counted call (0: only count), and at all later ones if it is to persist. */
void fault_arm(long n, int what, int with_error, unsigned which, int persist)
{
    counted = fired = 0;
    at = n;
    action = what;
    error = with_error;
    kinds = which;
    persistent = persist;
    journal_length = 0;
    journal[0] = 0;
    armed = 1;
}

long fault_disarm(void) { armed = 0; return counted; }
long fault_fired(void) { return fired; }
const char *fault_journal(void) { return journal; }

/* What is watched. */

static int below(const char *path)
{
    return !strncmp(path, watched, watched_length)
        && (path[watched_length] == '/' || path[watched_length] == 0);
}

static int path_of_fd(int fd, char *path)
{
    char link[64];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    errno = kept;
    if (length < 0)
        return 0;
    path[length] = 0;
    return 1;
}

static int path_at(int dir, const char *name, char *path)
{
    char base[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return 1;
    }
    if (dir == AT_FDCWD) {
        int kept = errno;
        int known = getcwd(base, sizeof base) != NULL;
        errno = kept;
        if (!known)
            return 0;
    } else if (!path_of_fd(dir, base))
        return 0;
    snprintf(path, PATH_MAX, "%.2000s/%.2000s", base, name);
    return 1;
}

/* What is to happen to this call. */

static enum action verdict(enum kind kind, const char *path)
{
    static const char *names[KINDS] = {
        "read", "write", "copy", "sendfile", "sync", "rename", "link", "unlink", "mkdir", "open",
        "close", "utime", "chmod", "flock",
    };
    if (refused >> kind & 1) {
        errno = refused_error;
        return FAIL;
    }
    if (!(kinds >> kind & 1))
        return NOTHING;
    int length = snprintf(journal + journal_length, sizeof journal - journal_length, "%s %s\n", names[kind], path);
    if (length > 0 && journal_length + length < sizeof journal)
        journal_length += length;
    counted++;
    if (!at || (persistent ? counted < at : counted != at))
        return NOTHING;
    if (action == SHORTEN && kind > SENDFILE)
        return NOTHING;
    fired++;
    if (action == EXIT_BEFORE)
        _exit(EXIT_CODE);
    errno = error;
    return action;
}

static enum action verdict_fd(enum kind kind, int fd)
{
    char path[PATH_MAX];
    return armed && path_of_fd(fd, path) && below(path) ? verdict(kind, path) : NOTHING;
}

static enum action verdict_at(enum kind kind, int dir, const char *name)
{
    char path[PATH_MAX];
    return armed && path_at(dir, name, path) && below(path) ? verdict(kind, path) : NOTHING;
}

static enum action verdict_at2(enum kind kind, int dir, const char *name, int dir2, const char *name2)
{
    char path[PATH_MAX];
    if (armed && path_at(dir, name, path) && below(path))
        return verdict(kind, path);
    return verdict_at(kind, dir2, name2);
}

/* The calls. */

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define FINISH(what, call) \
    do { \
        if (what == FAIL) return -1; \
        __typeof__(call) result = call; \
        if (what == EXIT_AFTER) _exit(EXIT_CODE); \
        if (what == FAIL_LATE) { errno = error; return -1; } \
        return result; \
    } while (0)
#define SHORTER(what, size) (what == SHORTEN && (size) > 1 ? (size) / 2 : (size))

ssize_t read(int fd, void *data, size_t size)
{
    REAL(read);
    enum action what = verdict_fd(READ, fd);
    FINISH(what, real(fd, data, SHORTER(what, size)));
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    REAL(pread64);
    enum action what = verdict_fd(READ, fd);
    FINISH(what, real(fd, data, SHORTER(what, size), offset));
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(write);
    enum action what = verdict_fd(WRITE, fd);
    FINISH(what, real(fd, data, SHORTER(what, size)));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    REAL(pwrite64);
    enum action what = verdict_fd(WRITE, fd);
    FINISH(what, real(fd, data, SHORTER(what, size), offset));
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags)
{
    REAL(copy_file_range);
    enum action what = verdict_fd(COPY, out);
    FINISH(what, real(in, from, out, to, SHORTER(what, size), flags));
}

ssize_t sendfile64(int out, int in, off64_t *from, size_t size)
{
    REAL(sendfile64);
    enum action what = verdict_fd(SENDFILE, out);
    FINISH(what, real(out, in, from, SHORTER(what, size)));
}

int fsync(int fd)
{
    REAL(fsync);
    enum action what = verdict_fd(SYNC, fd);
    FINISH(what, unsynced ? 0 : real(fd));
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    enum action what = verdict_fd(SYNC, fd);
    FINISH(what, unsynced ? 0 : real(fd));
}

int rename(const char *old, const char *new)
{
    REAL(rename);
    enum action what = verdict_at2(RENAME, AT_FDCWD, old, AT_FDCWD, new);
    FINISH(what, real(old, new));
}

int renameat(int old_dir, const char *old, int new_dir, const char *new)
{
    REAL(renameat);
    enum action what = verdict_at2(RENAME, old_dir, old, new_dir, new);
    FINISH(what, real(old_dir, old, new_dir, new));
}

int renameat2(int old_dir, const char *old, int new_dir, const char *new, unsigned flags)
{
    REAL(renameat2);
    enum action what = verdict_at2(RENAME, old_dir, old, new_dir, new);
    FINISH(what, real(old_dir, old, new_dir, new, flags));
}

int link(const char *old, const char *new)
{
    REAL(link);
    enum action what = verdict_at(LINK, AT_FDCWD, new);
    FINISH(what, real(old, new));
}

int linkat(int old_dir, const char *old, int new_dir, const char *new, int flags)
{
    REAL(linkat);
    enum action what = verdict_at(LINK, new_dir, new);
    FINISH(what, real(old_dir, old, new_dir, new, flags));
}

int unlink(const char *path)
{
    REAL(unlink);
    enum action what = verdict_at(UNLINK, AT_FDCWD, path);
    FINISH(what, real(path));
}

int unlinkat(int dir, const char *path, int flags)
{
    REAL(unlinkat);
    enum action what = verdict_at(UNLINK, dir, path);
    FINISH(what, real(dir, path, flags));
}

int rmdir(const char *path)
{
    REAL(rmdir);
    enum action what = verdict_at(UNLINK, AT_FDCWD, path);
    FINISH(what, real(path));
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    enum action what = verdict_at(MKDIR, AT_FDCWD, path);
    FINISH(what, real(path, mode));
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    REAL(mkdirat);
    enum action what = verdict_at(MKDIR, dir, path);
    FINISH(what, real(dir, path, mode));
}

/* Without FAIL_LATE: a descriptor that nobody was told of could not be closed either. */
#define OPENED(what, call) \
    va_list more; \
    va_start(more, flags); \
    mode_t mode = va_arg(more, mode_t); \
    va_end(more); \
    if (what == FAIL || what == FAIL_LATE) return -1; \
    FINISH(what, call)

int open(const char *path, int flags, ...)
{
    REAL(open);
    enum action what = verdict_at(OPEN, AT_FDCWD, path);
    OPENED(what, real(path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
    REAL(open64);
    enum action what = verdict_at(OPEN, AT_FDCWD, path);
    OPENED(what, real(path, flags, mode));
}

int openat(int dir, const char *path, int flags, ...)
{
    REAL(openat);
    enum action what = verdict_at(OPEN, dir, path);
    OPENED(what, real(dir, path, flags, mode));
}

int openat64(int dir, const char *path, int flags, ...)
{
    REAL(openat64);
    enum action what = verdict_at(OPEN, dir, path);
    OPENED(what, real(dir, path, flags, mode));
}

/* close(2) of Linux lets go of the descriptor also when it reports an error. */
int close(int fd)
{
    REAL(close);
    enum action what = verdict_fd(CLOSE, fd);
    if (what == FAIL)
        what = FAIL_LATE;
    FINISH(what, real(fd));
}

int futimens(int fd, const struct timespec times[2])
{
    REAL(futimens);
    enum action what = verdict_fd(UTIME, fd);
    FINISH(what, real(fd, times));
}

int utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
    REAL(utimensat);
    enum action what = verdict_at(UTIME, dir, path);
    FINISH(what, real(dir, path, times, flags));
}

int fchmod(int fd, mode_t mode)
{
    REAL(fchmod);
    enum action what = verdict_fd(CHMOD, fd);
    FINISH(what, real(fd, mode));
}

int chmod(const char *path, mode_t mode)
{
    REAL(chmod);
    enum action what = verdict_at(CHMOD, AT_FDCWD, path);
    FINISH(what, real(path, mode));
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    REAL(fchmodat);
    enum action what = verdict_at(CHMOD, dir, path);
    FINISH(what, real(dir, path, mode, flags));
}

int flock(int fd, int operation)
{
    REAL(flock);
    enum action what = verdict_fd(FLOCK, fd);
    FINISH(what, real(fd, operation));
}
