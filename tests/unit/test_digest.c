/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "digest/hash.h"

#include <fcntl.h>
#include <unistd.h>

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void digests_parse_strictly(void)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	CHECK(ncm_sha256_parse(ABC, &digest) == 0);
	CHECK_STR(ncm_sha256_hex(&digest, hex), ABC);
	CHECK(ncm_sha256_parse("sha256:" ABC, &digest) == 0);
	CHECK(ncm_sha256_parse("sha256-" ABC, &digest) < 0);
	CHECK(ncm_sha256_parse("sha512:" ABC, &digest) < 0);
	CHECK(ncm_sha256_parse(ABC "0", &digest) < 0);
	CHECK(ncm_sha256_parse(ABC "\n", &digest) < 0);
	CHECK(ncm_sha256_parse("ba7816", &digest) < 0);
	CHECK(ncm_sha256_parse("", &digest) < 0);
	CHECK(ncm_sha256_parse(NULL, &digest) < 0);
	CHECK(ncm_sha256_parse("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &digest) < 0);
	CHECK(ncm_sha256_parse_any_case("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &digest) ==
	      0);
	CHECK(ncm_sha256_parse("sha256:../../../../etc/passwd0000000000000000000000000000000000000000000", &digest) <
	      0);
}

static void known_hashes_come_out(void)
{
	struct ncm_sha256 digest;
	struct ncm_sha1 sha1;
	struct ncm_hash *hash;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of("abc", 3, &digest);
	CHECK_STR(ncm_sha256_hex(&digest, hex), ABC);
	/* The git blob of an 8-byte file, as git hash-object prints it. */
	hash = ncm_hash_git_blob(8);
	ncm_hash_update(hash, "{\"a\":1}\n", 8);
	ncm_hash_sha1(hash, &sha1);
	CHECK_STR(ncm_sha1_hex(&sha1, hex), "0187f3b09d66cef7911083ad49f890f5a6589589");
	CHECK(ncm_sha1_parse("0187f3b09d66cef7911083ad49f890f5a6589589", &sha1) == 0);
	CHECK(ncm_sha1_parse("0187f3b09d66cef7911083ad49f890f5a658958", &sha1) < 0);
}

static void a_file_hashes_to_its_end_or_its_size(void)
{
	char name[] = "/tmp/ncm-digest-XXXXXX";
	int fd = mkstemp(name);
	struct ncm_sha256 digest, expected;
	uint64_t size = 0;

	CHECK(fd >= 0 && write(fd, "abcdef", 6) == 6);
	CHECK(ncm_sha256_fd(fd, UINT64_MAX, &digest, &size, NULL, NULL) == 0);
	ncm_sha256_of("abcdef", 6, &expected);
	CHECK(size == 6 && ncm_sha256_equal(&digest, &expected));
	CHECK(ncm_sha256_fd(fd, 3, &digest, &size, NULL, NULL) == 0);
	ncm_sha256_of("abc", 3, &expected);
	CHECK(size == 3 && ncm_sha256_equal(&digest, &expected));
	close(fd);
	unlink(name);
}

int main(void)
{
	RUN(digests_parse_strictly);
	RUN(known_hashes_come_out);
	RUN(a_file_hashes_to_its_end_or_its_size);
	return 0;
}
