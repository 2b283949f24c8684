/* SPDX-License-Identifier: MIT */
/* Archives that are too large, lie, are encrypted, cut or damaged. */
#include "archive_case.h"

#include <ncmodel/event.h>
#include <ncmodel/limits.h>

static void bombs_are_refused(void)
{
	enum { ZEROS = 32 << 20 };
	struct ncm_buffer tar = {0}, packed = {0};
	struct member big = {"big", NULL};
	NCM_AUTO_FREE char *text = ncm_malloc(900001);
	char block[512];
	char *zeros = ncm_calloc(ZEROS, 1);

	tar_header(block, "big", '0', NULL, ZEROS);
	ncm_buffer_add(&tar, block, 512);
	ncm_buffer_add(&tar, zeros, ZEROS);
	tar_end(&tar);
	free(zeros);
	compress_with(&tar, archive_write_add_filter_gzip, &packed);
	CHECK(packed.size * 200 < ZEROS);
	refused(&packed, 0, NCM_E_POLICY);
	compress_with(&tar, archive_write_add_filter_zstd, &packed);
	refused(&packed, 0, NCM_E_POLICY);
	ncm_buffer_free(&tar);

	/* The same behind the end of an innocent one. */
	tar_add(&tar, "ok", '0', "fine");
	tar_end(&tar);
	zeros = ncm_calloc(ZEROS, 1);
	ncm_buffer_add(&tar, zeros, ZEROS);
	free(zeros);
	compress_with(&tar, archive_write_add_filter_gzip, &packed);
	refused(&packed, 0, NCM_E_POLICY);
	ncm_buffer_free(&tar);

	/* Under a MiB the ratio is nobody's business. */
	memset(text, 'z', 900000);
	text[900000] = '\0';
	big.text = text;
	write_archive(&packed, archive_write_set_format_zip, NULL, &big, 1);
	CHECK(packed.size * 200 < 900000);
	CHECK(unpack(&packed, 0) == NCM_OK);
	ncm_buffer_free(&packed);
}

/* Every place in the bytes where the number stands, little-endian. */
static void patch(struct ncm_buffer *packed, uint32_t from, uint32_t to)
{
	size_t done = 0;

	for (size_t i = 0; i + 4 <= packed->size; i++) {
		if (memcmp(packed->data + i, &from, 4) == 0) {
			memcpy(packed->data + i, &to, 4);
			done++;
		}
	}
	CHECK(done > 0);
}

static void a_zip_that_lies_about_sizes_is_refused(void)
{
	NCM_AUTO_FREE char *text = ncm_malloc(77778);
	struct member member = {"big", text};
	struct ncm_buffer packed = {0};
	enum ncm_errc code;

	for (size_t i = 0; i < 77777; i++)
		text[i] = (char)('a' + (i * i) % 23);
	text[77777] = '\0';
	write_archive(&packed, archive_write_set_format_zip, NULL, &member, 1);
	patch(&packed, 77777, 10);
	code = unpack(&packed, 0);
	CHECK(code == NCM_E_POLICY || code == NCM_E_CHECKSUM);
	patch(&packed, 10, 99999);
	CHECK(unpack(&packed, 0) == NCM_E_CHECKSUM);
	patch(&packed, 99999, 0xffffff00u);
	CHECK(unpack(&packed, 0) == NCM_E_POLICY); /* far over the ratio */
	ncm_buffer_free(&packed);

	/* Stored, libarchive hands out what is there, whatever the size says. */
	write_archive(&packed, archive_write_set_format_zip, "zip:compression=store", &member, 1);
	for (size_t i = 0; i + 28 < packed.size; i++) {
		if (memcmp(packed.data + i, "PK\3\4", 4) == 0)
			memcpy(packed.data + i + 22, "\x0a\0\0\0", 4);
		if (memcmp(packed.data + i, "PK\1\2", 4) == 0)
			memcpy(packed.data + i + 24, "\x0a\0\0\0", 4);
	}
	CHECK(unpack(&packed, 0) == NCM_E_POLICY);
	ncm_buffer_free(&packed);
}

static void encrypted_zips_are_refused(void)
{
	static const struct member member = {"secret", "text"};
	struct ncm_buffer packed = {0};

	write_archive(&packed, archive_write_set_format_zip, "zip:encryption=zipcrypt", NULL, 0);
	ncm_buffer_free(&packed);
	write_archive(&packed, archive_write_set_format_zip, NULL, &member, 1);
	for (size_t i = 0; i + 10 < packed.size; i++) {
		if (memcmp(packed.data + i, "PK\3\4", 4) == 0)
			packed.data[i + 6] |= 1;
		if (memcmp(packed.data + i, "PK\1\2", 4) == 0)
			packed.data[i + 8] |= 1;
	}
	refused(&packed, 0, NCM_E_POLICY);
}

static void other_formats_are_refused(void)
{
	static const struct {
		const char *bytes;
		size_t size;
	} magics[] = {
	    {"Rar!\x1a\x07\x01\x00", 8},
	    {"7z\xbc\xaf\x27\x1c\x00\x04", 8},
	    {"MSCF\0\0\0\0", 8},
	    {"xar!\0\x1c\0\1", 8},
	    {"!<arch>\n", 8},
	    {"BZh91AY&SY", 10},
	    {"<!doctype html>", 15},
	    {"", 0},
	    {"\177ELF\2\1\1", 7},
	};

	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		struct ncm_buffer packed = {0};
		char bytes[4096] = {0};

		memcpy(bytes, magics[i].bytes, magics[i].size);
		ncm_buffer_add(&packed, bytes, magics[i].size ? sizeof bytes : 0);
		refused(&packed, 0, NCM_E_POLICY);
	}
}

static void what_is_packed_twice_is_refused(void)
{
	struct ncm_buffer tar = {0}, once = {0}, twice = {0};

	git_tar(&tar);
	compress_with(&tar, archive_write_add_filter_gzip, &once);
	compress_with(&once, archive_write_add_filter_gzip, &twice);
	refused(&twice, 1, NCM_E_POLICY);
	/* An archive in an archive is a file. */
	ncm_buffer_free(&tar);
	tar_add(&tar, "inner.zip", '0', "PK\3\4");
	tar_end(&tar);
	CHECK(unpack(&tar, 0) == NCM_OK);
	check_out("inner.zip", "PK\3\4");
	ncm_buffer_free(&tar);
	ncm_buffer_free(&once);
	/* Something else in gzip. */
	ncm_buffer_puts(&tar, "no tar at all, only text");
	compress_with(&tar, archive_write_add_filter_gzip, &once);
	ncm_buffer_free(&tar);
	refused(&once, 0, NCM_E_POLICY);
}

static void bad_tar_sizes_are_refused(void)
{
	for (int kind = 0; kind < 3; kind++) {
		struct ncm_buffer tar = {0};
		char block[512];
		enum ncm_errc code;

		tar_add(&tar, "ok", '0', "fine");
		tar_header(block, "evil", '0', NULL, 0);
		if (kind == 0)
			memset(block + 124, 0xff, 12); /* base-256: -1 */
		else if (kind == 1)
			memcpy(block + 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
		else
			memcpy(block + 124, "77777777777", 12); /* 8 GiB, and not there */
		tar_checksum(block);
		ncm_buffer_add(&tar, block, 512);
		tar_end(&tar);
		code = unpack(&tar, 0);
		CHECK(code == NCM_E_POLICY || code == NCM_E_CHECKSUM);
		CHECK(out_is_empty());
		ncm_buffer_free(&tar);
	}
}

static void too_many_entries_are_refused(void)
{
	struct ncm_buffer tar = {0};
	char name[32];

	for (unsigned i = 0; i < NCM_LIMIT_ARCHIVE_ENTRIES; i++) {
		snprintf(name, sizeof name, "d/%u", i % 3 ? i : 0);
		tar_add(&tar, name, '5', NULL);
	}
	tar_add(&tar, "last", '0', "");
	tar_end(&tar);
	refused(&tar, 0, NCM_E_POLICY);
}

/* A cut archive is damage; of a plain tar the padding at its end is nobody's. */
static void cut_archives_are_damaged(void)
{
	struct ncm_buffer tar = {0}, zip = {0};
	static const struct member members[] = {{"a", "first"}, {"b", "second"}};

	tar_add(&tar, "a", '0', "first");
	tar_add(&tar, "b", '0', "second");
	tar_end(&tar);
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		struct ncm_buffer packed = {0};
		size_t whole, least;

		compress_with(&tar, filters[i], &packed);
		whole = packed.size;
		least = i == 0 ? whole - 512 : whole;
		for (size_t size = 600; size < least && i == 0; size += 31) {
			packed.size = size;
			CHECK(unpack(&packed, 0) == NCM_E_CHECKSUM);
		}
		for (size_t size = 10; size < least && i > 0; size++) {
			packed.size = size;
			CHECK(unpack(&packed, 0) == NCM_E_CHECKSUM);
		}
		packed.size = whole;
		CHECK(unpack(&packed, 0) == NCM_OK);
		ncm_buffer_free(&packed);
	}
	/* Between two entries: only the missing end tells. */
	tar.size = 2048;
	refused(&tar, 0, NCM_E_CHECKSUM);
	write_archive(&zip, archive_write_set_format_zip, NULL, members, 2);
	for (size_t size = zip.size - 1; size > 4; size--) {
		zip.size = size;
		CHECK(unpack(&zip, 0) == NCM_E_CHECKSUM);
		CHECK(out_is_empty());
	}
	ncm_buffer_free(&zip);
}

/* A flipped byte is found, or (in a gzip header's time, say) changes nothing that is unpacked. */
static void flipped_bytes_are_found(void)
{
	struct ncm_buffer tar = {0};

	tar_add(&tar, "a", '0', "first, with some text to flip");
	tar_end(&tar);
	/* gzip and xz: the zstd writer at hand leaves the checksum out. */
	for (size_t i = 1; i <= 2; i++) {
		struct ncm_buffer packed = {0};

		compress_with(&tar, filters[i], &packed);
		for (size_t at = 0; at < packed.size; at++) {
			packed.data[at] ^= 0x11;
			if (unpack(&packed, 0) == NCM_OK) {
				CHECK_U64(file_count, 1);
				check_out("a", "first, with some text to flip");
			}
			packed.data[at] ^= 0x11;
		}
		ncm_buffer_free(&packed);
	}
	ncm_buffer_free(&tar);
}

static void wrong_checksums_are_found(void)
{
	static const struct member member = {"a", "some text that is stored as it is"};
	struct ncm_buffer tar = {0}, packed = {0}, zip = {0};
	char *text;

	git_tar(&tar);
	compress_with(&tar, archive_write_add_filter_gzip, &packed);
	packed.data[packed.size - 8] ^= 1; /* CRC-32 */
	CHECK(unpack(&packed, 1) == NCM_E_CHECKSUM);
	packed.data[packed.size - 8] ^= 1;
	packed.data[packed.size - 1] ^= 1; /* size */
	CHECK(unpack(&packed, 1) == NCM_E_CHECKSUM);
	ncm_buffer_free(&packed);
	ncm_buffer_free(&tar);

	write_archive(&zip, archive_write_set_format_zip, "zip:compression=store", &member, 1);
	text = memmem(zip.data, zip.size, "some text", 9);
	CHECK(text);
	*text = 'S';
	CHECK(unpack(&zip, 0) == NCM_E_CHECKSUM);
	ncm_buffer_free(&zip);
}

static void what_is_in_the_folder_is_not_written_through(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_buffer tar = {0};
	struct ncm_unpacked *list = NULL;
	size_t count = 0;
	int out, fd;

	CHECK(ncm_remove_beneath(scratch_fd, "out") == 0);
	out = ncm_mkdir_beneath(scratch_fd, "out", NULL);
	CHECK(mkdirat(scratch_fd, "decoy", 0755) == 0);
	CHECK(symlinkat("../decoy/file", out, "file") == 0);
	CHECK(symlinkat("../decoy", out, "dir") == 0);
	tar_add(&tar, "file", '0', "evil");
	tar_end(&tar);
	fd = open_bytes(tar.data, tar.size);
	CHECK(ncm_archive_unpack(fd, out, 0, &list, &count, &err) < 0);
	close(fd);
	ncm_buffer_free(&tar);
	tar_add(&tar, "dir/file", '0', "evil");
	tar_end(&tar);
	fd = open_bytes(tar.data, tar.size);
	CHECK(ncm_archive_unpack(fd, out, 0, &list, &count, &err) < 0);
	close(fd);
	close(out);
	ncm_buffer_free(&tar);
	ncm_error_clear(&err);
	CHECK(faccessat(scratch_fd, "decoy/file", F_OK, 0) < 0);
}

static void the_first_pass_names_the_entry(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_buffer tar = {0};
	struct ncm_unpacked *list = NULL;
	size_t count = 0;
	int fd;

	tar_add(&tar, "repo/link", '2', "/etc/passwd");
	tar_end(&tar);
	fd = open_bytes(tar.data, tar.size);
	CHECK(ncm_archive_unpack(fd, scratch_fd, 0, &list, &count, &err) < 0);
	CHECK_STR(err.message, "refused archive: \"repo/link\" is a symbolic link");
	ncm_error_clear(&err);
	close(fd);
	ncm_buffer_free(&tar);
}

static void an_interrupt_ends_it(void)
{
	struct ncm_buffer tar = {0};

	git_tar(&tar);
	ncm_interrupt();
	refused(&tar, 1, NCM_E_INTERRUPTED);
}

int main(void)
{
	begin_scratch();
	RUN(bombs_are_refused);
	RUN(a_zip_that_lies_about_sizes_is_refused);
	RUN(encrypted_zips_are_refused);
	RUN(other_formats_are_refused);
	RUN(what_is_packed_twice_is_refused);
	RUN(bad_tar_sizes_are_refused);
	RUN(too_many_entries_are_refused);
	RUN(cut_archives_are_damaged);
	RUN(flipped_bytes_are_found);
	RUN(wrong_checksums_are_found);
	RUN(what_is_in_the_folder_is_not_written_through);
	RUN(the_first_pass_names_the_entry);
	RUN(an_interrupt_ends_it);
	end_scratch();
	return 0;
}
