/* SPDX-License-Identifier: MIT */
/* What is decided about URLs, addresses, redirects and waits without any server. */
#include "check.h"

#include "base/mem.h"
#include "transfer/answer.h"
#include "transfer/easy.h"
#include "transfer/hop.h"
#include "transfer/proxy.h"

static struct ncm_http *make_http(void)
{
	const struct ncm_config config = {.retries = 4};

	return ncm_http_new(&config, NULL);
}

static void check_refused(const char *url)
{
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(ncm_url_check(url, true, &err) == -1);
	CHECK(err.code == NCM_E_USAGE);
	CHECK(!strstr(err.message, "secret"));
	ncm_error_clear(&err);
}

static void check_text(char *actual, const char *expected)
{
	if (!expected)
		CHECK(actual == NULL);
	else
		CHECK_STR(actual, expected);
	free(actual);
}

static void urls_are_checked(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	check_refused("ftp://host/x");
	check_refused("file:///etc/passwd");
	check_refused("data:text/plain,x");
	check_refused("//host/x");
	check_refused("host/x");
	check_refused("https:\\\\host/x");
	check_refused("https:/host/x");
	check_refused("https:///host/x");
	check_refused("https://");
	check_refused("https://user:secret@host/x");
	check_refused("https://@host/x");
	check_refused("https://host:0/");
	check_refused("https://host:65536/");
	check_refused("https://[fe80::1%25eth0]/");
	check_refused("https://a%2fb/");
	check_refused("https://a;b/");
	check_refused("https://host/a b");
	check_refused("https://host/a\tb");
	check_refused("https://host/a\r\nX: y");
	check_refused("");
	CHECK(ncm_url_check("http://host/x", false, &err) == -1);
	ncm_error_clear(&err);
	CHECK(ncm_url_check("http://host/x", true, &err) == 0);
	CHECK(ncm_url_check("HTTPS://host:8443/x?y=z#f", false, &err) == 0);
	CHECK(ncm_url_check("https://[::1]:8443/", false, &err) == 0);
}

static void this_machine_is_known(void)
{
	static const char *const here[] = {"localhost", "localhost:5000", "127.0.0.1",
					   "127.1:80",  "[::1]",          "[::1]:5000"};
	static const char *const elsewhere[] = {"",           "localhost.example", "a.localhost", "127.evil.example",
						"127",        "[::1].example",     "[::2]",       "10.0.0.1",
						"[127.0.0.1]"};

	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		CHECK(ncm_host_is_loopback(here[i]));
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		CHECK(!ncm_host_is_loopback(elsewhere[i]));
}

static void urls_are_taken_apart(void)
{
	check_text(ncm_url_origin("HTTPS://Host.Example:443/x"), "https://host.example");
	check_text(ncm_url_origin("http://h:80/"), "http://h");
	check_text(ncm_url_origin("https://h:80/"), "https://h:80");
	check_text(ncm_url_origin("https://0x7f.1/"), "https://127.0.0.1");
	check_text(ncm_url_origin("ftp://h/"), NULL);
	check_text(ncm_url_display("https://u:p@h/a/b?token=secret#x"), "https://h/a/b");
	check_text(ncm_url_display("not an url"), "(unreadable URL)");
	check_text(ncm_url_encode("a b/ü#?%", false), "a%20b%2F%C3%BC%23%3F%25");
	check_text(ncm_url_encode("a b/c~-._", true), "a%20b/c~-._");
	check_text(ncm_url_resolve("https://h/a/b?q", "/c?d"), "https://h/c?d");
	check_text(ncm_url_resolve("https://h/a/b", "../c"), "https://h/c");
	check_text(ncm_url_resolve("https://h/a", "//other/c"), "https://other/c");
	check_text(ncm_url_resolve("https://h/a", "https://o/a b#f"), "https://o/a%20b");
	check_text(ncm_url_resolve("https://h/a", "file:///etc/passwd"), NULL);
	check_text(ncm_url_resolve("https://h/a", "ftp://h/"), NULL);
	check_text(ncm_url_resolve("https://h/a", "javascript:x"), NULL);
}

static void private_addresses_are_known(void)
{
	static const char *const private[] = {"127.0.0.1",
					      "10.1.2.3",
					      "172.16.0.1",
					      "172.31.255.255",
					      "192.168.1.1",
					      "169.254.169.254",
					      "0.0.0.0",
					      "100.64.0.1",
					      "255.255.255.255",
					      "::1",
					      "::",
					      "fe80::1%eth0",
					      "fc00::1",
					      "fd12::1",
					      "::ffff:127.0.0.1",
					      "::ffff:10.0.0.1",
					      "64:ff9b::7f00:1",
					      "2002:7f00:1::",
					      "ff02::1",
					      "nonsense",
					      ""};
	static const char *const public[] = {"8.8.8.8",     "172.32.0.1",      "172.15.0.1",     "100.128.0.1",
					     "169.253.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"};

	for (size_t i = 0; i < sizeof private / sizeof *private; i++)
		CHECK(ncm_address_is_private(private[i]));
	for (size_t i = 0; i < sizeof public / sizeof *public; i++)
		CHECK(!ncm_address_is_private(public[i]));
}

static void proxies_are_known(void)
{
	unsetenv("all_proxy");
	unsetenv("no_proxy");
	CHECK(!ncm_proxy_variable("https://h"));
	setenv("HTTPS_PROXY", "http://proxy:3128", 1);
	setenv("HTTP_PROXY", "http://proxy:3128", 1);
	CHECK(ncm_proxy_variable("https://h:8443"));
	CHECK(!ncm_proxy_variable("http://h"));
	setenv("no_proxy", "localhost, .example.com,::1", 1);
	CHECK(!ncm_proxy_variable("https://a.example.com"));
	CHECK(!ncm_proxy_variable("https://example.com:8443"));
	CHECK(!ncm_proxy_variable("https://[::1]"));
	CHECK(ncm_proxy_variable("https://badexample.com"));
	setenv("no_proxy", "10.0.0.0/8,192.168.4.0/23,fd00::/8", 1);
	CHECK(!ncm_proxy_variable("https://10.1.2.3"));
	CHECK(!ncm_proxy_variable("https://192.168.5.9:443"));
	CHECK(!ncm_proxy_variable("https://[fd12::1]"));
	CHECK(ncm_proxy_variable("https://11.1.2.3"));
	CHECK(ncm_proxy_variable("https://192.168.6.1"));
	CHECK(ncm_proxy_variable("https://[fe00::1]"));
	setenv("no_proxy", "*", 1);
	CHECK(!ncm_proxy_variable("https://h"));
	unsetenv("HTTPS_PROXY");
	unsetenv("HTTP_PROXY");
	unsetenv("no_proxy");
}

static void a_public_server_cannot_send_us_inside(void)
{
	struct ncm_http *http = make_http();
	struct ncm_chain chain = {.what = "thing"};
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(ncm_chain_start(&chain, http, "https://a.example/x", &err) == 0);
	CHECK(ncm_chain_accepts_peer(&chain, "8.8.8.8"));
	CHECK(ncm_chain_follow(&chain, "https://b.example/x", &err) == 0);
	CHECK(ncm_chain_accepts_peer(&chain, "9.9.9.9"));
	CHECK(!ncm_chain_accepts_peer(&chain, "127.0.0.1"));
	CHECK(!ncm_chain_accepts_peer(&chain, "::ffff:169.254.169.254"));
	http->allow_private = true;
	CHECK(ncm_chain_accepts_peer(&chain, "127.0.0.1"));
	http->allow_private = false;
	/* A server at home may redirect within the house. */
	CHECK(ncm_chain_start(&chain, http, "https://home.example/x", &err) == 0);
	CHECK(ncm_chain_accepts_peer(&chain, "192.168.1.1"));
	CHECK(ncm_chain_follow(&chain, "https://b.example/x", &err) == 0);
	CHECK(ncm_chain_accepts_peer(&chain, "192.168.1.2"));
	ncm_chain_end(&chain);
	ncm_http_free(http);
}

static void check_hop_refused(const char *from, const char *to, enum ncm_errc code)
{
	struct ncm_http *http = make_http();
	struct ncm_chain chain = {.what = "thing"};
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(ncm_chain_start(&chain, http, from, &err) == 0);
	CHECK(ncm_chain_follow(&chain, to, &err) == -1);
	CHECK(err.code == code);
	CHECK(!strstr(err.message, "secret"));
	ncm_error_clear(&err);
	ncm_chain_end(&chain);
	ncm_http_free(http);
}

static void bad_hops_are_refused(void)
{
	check_hop_refused("https://a/x", "http://a/x", NCM_E_POLICY);
	check_hop_refused("https://a/x", "https://user:secret@b/x", NCM_E_POLICY);
	check_hop_refused("https://a/x", "ftp://b/x", NCM_E_POLICY);
}

static double wait_asked(long status, const char *headers)
{
	const struct ncm_reply reply = {.status = status, .headers = (char *)headers};

	return ncm_retry_after(&reply, 784111777 - 60); /* Sun, 06 Nov 1994 08:49:37 GMT, a minute before */
}

static void waits_are_read(void)
{
	CHECK_U64(wait_asked(429, "Retry-After: 7\n"), 7);
	CHECK_U64(wait_asked(503, "retry-after:  1000000000000 \n"), NCM_LIMIT_RETRY_AFTER_SECONDS);
	CHECK_U64(wait_asked(429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\n"), 60);
	CHECK_U64(wait_asked(429, "Retry-After: Sun, 06 Nov 1984 08:49:37 GMT\n"), 0);
	CHECK_U64(wait_asked(429, "Retry-After: -5\n"), 0);
	CHECK_U64(wait_asked(429, "Retry-After: soon\n"), 0);
	CHECK_U64(wait_asked(429, "RateLimit: \"resolvers\";r=0;t=55\n"), 56);
	CHECK_U64(wait_asked(429, "RateLimit: \"resolvers\";r=3;t=55\nRetry-After: 2\n"), 2);
	CHECK_U64(wait_asked(429, "RateLimit: \"resolvers\";r=05;t=55\n"), 0);
	CHECK_U64(wait_asked(500, "X: y\n"), 0);
}

static void back_off_grows_and_ends(void)
{
	struct ncm_backoff backoff = {.limit = 12, .first = 0.5};
	double top = 0.5;

	for (unsigned i = 0; i < 11; i++) {
		double wait = ncm_backoff_next(&backoff, 0);

		CHECK(wait >= top / 2 && wait <= top);
		top = top * 2 > 30 ? 30 : top * 2;
	}
	CHECK(ncm_backoff_next(&backoff, 0) < 0);
	ncm_backoff_progress(&backoff);
	CHECK(ncm_backoff_next(&backoff, 99) >= 99);
}

static void names_are_read_from_dispositions(void)
{
	check_text(ncm_disposition_name("attachment; filename=\"a b.bin\""), "a b.bin");
	check_text(ncm_disposition_name("inline; filename*=UTF-8''na%C3%AFve.bin; filename=\"naive.bin\";"),
		   "naïve.bin");
	check_text(ncm_disposition_name("attachment; filename=\"x\\\"y\""), "x\"y");
	check_text(ncm_disposition_name("attachment; filename=x.bin; size=5"), "x.bin");
	check_text(ncm_disposition_name("attachment; filename=\"../../etc/passwd\""), "../../etc/passwd");
	check_text(ncm_disposition_name("attachment"), NULL);
	check_text(ncm_disposition_name("attachment; filename="), NULL);
	check_text(ncm_disposition_name(";;=;= ;\"filename=x"), NULL);
	check_text(ncm_disposition_name("attachment; filename*=latin1''x; filename=y"), "y");
}

int main(void)
{
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	CHECK(ncm_http_global_init(NULL) == 0);
	RUN(urls_are_checked);
	RUN(urls_are_taken_apart);
	RUN(this_machine_is_known);
	RUN(private_addresses_are_known);
	RUN(proxies_are_known);
	RUN(a_public_server_cannot_send_us_inside);
	RUN(bad_hops_are_refused);
	RUN(waits_are_read);
	RUN(back_off_grows_and_ends);
	RUN(names_are_read_from_dispositions);
	ncm_http_global_cleanup();
	return 0;
}
