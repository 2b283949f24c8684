/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * The operating system, in one room: nobody else includes its headers (tests/data/test_rooms.py holds that). Where
 * Linux and Darwin agree, posix*.c has it; what they have each in its own way is in linux.c and darwin.c. The terminal,
 * which the tool needs too, is ncmodel/console.h.
 *
 * What holds for all: a descriptor is an int, -1 none, and closed in programs that are started. A function that can
 * fail returns -1 (a pointer: NULL) with errno, unless it says otherwise, and is done at once: no retry after a signal,
 * no judgement of what an error means (that is base/ability.h's). What is returned to be freed is freed with free().
 * Sizes and offsets are bytes, times nanoseconds since 1970. `folder` is an open folder, or OS_HERE for paths as the
 * user writes them. A name of a folder's entry is never followed if it is a link, unless the comment says so.
 *
 * What a call of the system's is called here:
 *
 *   open, openat                                os_open; O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC: OS_READ; O_RDWR: OS_READ | OS_WRITE;
 *                                               O_DIRECTORY: OS_FOLDER; O_NOFOLLOW: OS_NO_LINK; O_PATH: OS_PATH
 *   openat O_CREAT | O_EXCL                     os_create (base/own.c alone)
 *   openat2                                     os_open_beneath
 *   open /proc/self/fd/N; readlink of it        os_reopen; os_path_of
 *   struct stat, st_size, st_mtim …             struct os_stat, size, mtime_ns …
 *   S_ISREG, S_ISDIR, S_ISLNK; st_mode & 07777  kind == OS_IS_FILE, OS_IS_FOLDER, OS_IS_LINK; mode
 *   fstat                                       os_fstat
 *   stat, fstatat 0                             os_stat
 *   lstat, fstatat AT_SYMLINK_NOFOLLOW          os_lstat
 *   access, faccessat AT_EACCESS                os_access; F_OK with AT_SYMLINK_NOFOLLOW: os_has
 *   opendir, fdopendir, readdir, closedir       os_list, os_list_next ("." and ".." are left out), os_list_end
 *   mkdirat, symlinkat                          os_mkdir, os_symlink (base/own.c alone)
 *   unlinkat; with AT_REMOVEDIR                 os_unlink; os_rmdir
 *   renameat; renameat2 NOREPLACE, EXCHANGE     os_rename; os_rename_new, os_exchange
 *   linkat                                      os_link
 *   readlink, readlinkat; realpath              os_readlink (with the end of the text); os_real_path
 *   read, write, pread, pwrite                  os_read, os_write, os_pread, os_pwrite
 *   lseek SET; SEEK_DATA, SEEK_HOLE             os_seek; os_next_data, os_next_hole
 *   ftruncate; fallocate                        os_truncate; os_reserve
 *   fsync, fdatasync, syncfs                    os_sync, os_sync_data, os_sync_disk (base/ability.h asks them)
 *   sync_file_range, posix_fadvise              os_write_out, os_wait_out; os_drop_cache, os_read_at_random, os_read_soon
 *   flock LOCK_EX | LOCK_NB                     os_lock
 *   fchmod, fchown, futimens                    os_set_mode, os_set_owner, os_set_times (base/ability.h asks them)
 *   st_uid == geteuid(); geteuid() == 0         os_is_mine; os_is_root; else os_user
 *   getpwuid, getpwnam, getgrouplist            os_user_name, os_user_home, os_user_of, os_user_has_group, os_group_is_alone
 *   statvfs, statfs                             os_space; os_is_unix_disk, os_is_remote
 *   FICLONE, FIDEDUPERANGE, FIEMAP              os_clone, os_share_range, os_extents
 *   F_SETLEASE                                  os_is_being_written
 *   mmap with mincore, cachestat                os_cached
 *   madvise MADV_HUGEPAGE, explicit_bzero       os_want_huge_pages, os_wipe
 *   strerrordesc_np                             os_error_text
 *   clock_gettime, nanosleep                    os_now_ns, os_now_coarse_ns, os_monotonic, os_sleep_ms
 *   getpid, /proc/PID/stat, boot_id             os_pid, os_process_start, os_boot_id, os_host_name
 *   /proc/PID/{comm,cmdline,environ,fd,maps}    os_processes, os_process_texts, os_process_stat
 *   getrandom, sched_getaffinity                os_random, os_cores
 *   pthread_sigmask                             os_signals_off, os_signals_back
 *   posix_spawn, poll, waitpid, kill            os_spawn, os_wait_readable, os_reap, os_kill
 */
/* clang-format on */
#ifndef NCM_OS_OS_H
#define NCM_OS_OS_H

#include "os/disk.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/process.h"

#endif
