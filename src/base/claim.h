/* SPDX-License-Identifier: MIT */
/*
 * A lock without the kernel's help: "<name>.claim.<random>", whose text tells the process that has it. Whoever wants
 * the lock puts its claim there first and looks for others afterwards: of two, at least the later one sees the other
 * and steps back. Claims of processes that are no more do not count.
 */
#ifndef NCM_BASE_CLAIM_H
#define NCM_BASE_CLAIM_H

/* Returns an fd of our claim (closing it alone keeps the claim; see ncm_claim_drop), or -1 with errno: EWOULDBLOCK if
 * another process has one. */
int ncm_claim_take(int dirfd, const char *name);
/* Whether fd is of a claim; if so, removes it. Does not close. */
void ncm_claim_drop(int fd);

#endif
