/* Preloaded into gearmand by tests/durable: counts the system calls on the files of a queue, makes
 * chosen ones fail, and writes a log from which the content that was synced can be rebuilt.
 *
 * What is written through a mapping of the file is recorded when it is synced.
 *
 * Environment: SHIM_PREFIX, the beginning of the paths that are meant; SHIM_CONTROL, a file of
 * sixteen 64-bit numbers that the test shares (enum word); SHIM_LOG, the log, or unset. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum word { CALLS, MASK, FIRST, TIMES, ERRNO, SYNCS, FAILED, WORDS = 16 };
enum kind { OPEN = 1, WRITE = 2, SYNC = 4, TRUNCATE = 8 };
enum { DATABASE = 1, WAL = 2, OTHER = 3, FDS = 4096 };

static volatile uint64_t *control;
static uint64_t unused[WORDS];
static int log_fd = -1;
static const char *prefix;
static unsigned char files[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_close)(int);
static int (*real_unlink)(const char *);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_munmap)(void *, size_t);
static int (*real_msync)(void *, size_t, int);

/* The mapping of the database, and the content of it that was recorded last. */
static char *mapped, *recorded;
static size_t mapped_size;

__attribute__((constructor)) static void prepare(void) {
    real_open = dlsym(RTLD_NEXT, "open");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_close = dlsym(RTLD_NEXT, "close");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_mmap = dlsym(RTLD_NEXT, "mmap");
    real_munmap = dlsym(RTLD_NEXT, "munmap");
    real_msync = dlsym(RTLD_NEXT, "msync");
    control = unused;
    prefix = getenv("SHIM_PREFIX");
    const char *path = getenv("SHIM_CONTROL");
    if (path) {
        int fd = real_open(path, O_RDWR | O_CLOEXEC);
        void *shared = real_mmap(NULL, sizeof unused, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared == MAP_FAILED) abort();
        control = shared;
        real_close(fd);
    }
    path = getenv("SHIM_LOG");
    if (path) log_fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int file_of(int fd) {
    return fd >= 0 && fd < FDS ? files[fd] : 0;
}

/* Whether a call fails; sets errno. */
static int fails(enum kind kind) {
    if (!(control[MASK] & kind)) return 0;
    pthread_mutex_lock(&lock);
    uint64_t call = ++control[CALLS], first = control[FIRST];
    int failing = first && call >= first && call - first < control[TIMES];
    if (failing) control[FAILED]++;
    pthread_mutex_unlock(&lock);
    if (failing) errno = (int)control[ERRNO];
    return failing;
}

/* Appends a record: operation, file, offset, length, bytes. */
static void record(char operation, int file, uint64_t offset, const void *bytes, uint64_t length) {
    if (log_fd < 0 || file == OTHER) return;
    char *text = malloc(24 + length);
    memset(text, 0, 8);
    text[0] = operation;
    text[1] = (char)file;
    memcpy(text + 8, &offset, 8);
    memcpy(text + 16, &length, 8);
    if (length) memcpy(text + 24, bytes, length);
    if (real_write(log_fd, text, 24 + length) != (ssize_t)(24 + length)) abort();
    free(text);
}

/* Which file of the queue a path names. */
static int file_named(const char *path) {
    size_t length = prefix ? strlen(prefix) : 0;
    if (!length || strncmp(path, prefix, length) != 0) return 0;
    const char *rest = path + length;
    /* The lock beside the file is no part of it. */
    if (strcmp(rest, "-lock") == 0) return 0;
    if (*rest == 0) return DATABASE;
    return strcmp(rest, "-wal") == 0 || strcmp(rest, ".wal") == 0 ? WAL : OTHER;
}

/* Records what was written through the mapping. */
static void record_mapping(void) {
    enum { PIECE = 512 };
    for (size_t at = 0; at < mapped_size; at += PIECE) {
        size_t size = mapped_size - at < PIECE ? mapped_size - at : PIECE;
        if (memcmp(mapped + at, recorded + at, size) == 0) continue;
        memcpy(recorded + at, mapped + at, size);
        record('w', DATABASE, at, recorded + at, size);
    }
}

static int open_any(const char *path, int flags, mode_t mode) {
    int file = file_named(path);
    if (file && fails(OPEN)) return -1;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < FDS) files[fd] = (unsigned char)file;
    if (fd >= 0 && file && flags & O_TRUNC) record('t', file, 0, NULL, 0);
    return fd;
}

#define OPEN_FUNCTION(name)                                                                       \
    int name(const char *path, int flags, ...) {                                                  \
        va_list arguments;                                                                        \
        va_start(arguments, flags);                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;              \
        va_end(arguments);                                                                        \
        return open_any(path, flags, mode);                                                       \
    }
OPEN_FUNCTION(open)
OPEN_FUNCTION(open64)

int close(int fd) {
    if (fd >= 0 && fd < FDS) files[fd] = 0;
    return real_close(fd);
}

static ssize_t write_at(int fd, const void *bytes, size_t size, off_t offset) {
    int file = file_of(fd);
    if (fails(WRITE)) return -1;
    record('w', file, (uint64_t)offset, bytes, size);
    return real_pwrite(fd, bytes, size, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    return file_of(fd) ? write_at(fd, bytes, size, offset) : real_pwrite(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
    return pwrite(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    if (!file_of(fd)) return real_write(fd, bytes, size);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t written = write_at(fd, bytes, size, offset);
    if (written > 0) lseek(fd, offset + written, SEEK_SET);
    return written;
}

static int sync_with(int fd, int (*real)(int)) {
    int file = file_of(fd);
    if (!file) return real(fd);
    if (fails(SYNC)) return -1;
    int result = real(fd);
    if (result == 0) {
        if (file == DATABASE) record_mapping();
        record('s', file, 0, NULL, 0);
        __atomic_add_fetch(&control[SYNCS], 1, __ATOMIC_SEQ_CST);
    }
    return result;
}

int fsync(int fd) {
    return sync_with(fd, real_fsync);
}

int fdatasync(int fd) {
    return sync_with(fd, real_fdatasync);
}

int ftruncate(int fd, off_t size) {
    int file = file_of(fd);
    if (file && fails(TRUNCATE)) return -1;
    if (file) record('t', file, (uint64_t)size, NULL, 0);
    return real_ftruncate(fd, size);
}

int ftruncate64(int fd, off_t size) {
    return ftruncate(fd, size);
}

/* A removed file is begun anew, with nothing in it. */
int unlink(const char *path) {
    int file = file_named(path);
    int result = real_unlink(path);
    if (result == 0 && file) {
        record('t', file, 0, NULL, 0);
        record('s', file, 0, NULL, 0);
    }
    return result;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    /* Called before the constructor, too. */
    if (!real_mmap) real_mmap = dlsym(RTLD_NEXT, "mmap");
    void *memory = real_mmap(address, size, protection, flags, fd, offset);
    if (memory != MAP_FAILED && file_of(fd) == DATABASE && log_fd >= 0 && flags & MAP_SHARED &&
        protection & PROT_WRITE && offset == 0) {
        mapped = memory;
        mapped_size = size;
        recorded = malloc(size);
        memcpy(recorded, mapped, size);
    }
    return memory;
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return mmap(address, size, protection, flags, fd, offset);
}

int munmap(void *address, size_t size) {
    if (address && address == mapped) {
        record_mapping();
        free(recorded);
        mapped = recorded = NULL;
        mapped_size = 0;
    }
    return real_munmap(address, size);
}

int msync(void *address, size_t size, int flags) {
    if (!address || address != mapped) return real_msync(address, size, flags);
    if (fails(SYNC)) return -1;
    int result = real_msync(address, size, flags);
    if (result == 0) record_mapping();
    return result;
}
