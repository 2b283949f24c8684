/* SPDX-License-Identifier: MIT */
/*
 * A source turns an URI of a manifest into artifacts: files with URLs, sizes and digests. The facts of each service
 * live in its own file behind this interface and nowhere else. A new source is one file, and its name in the table of
 * source.c and in the build.
 */
#ifndef NCM_SOURCE_SOURCE_H
#define NCM_SOURCE_SOURCE_H

#include "base/nearest.h"
#include "config/services.h"
#include "digest/hash.h"
#include "digest/tally.h"
#include "oci/credential.h"
#include "source/card.h"
#include "transfer/http.h"
#include <ncmodel/manifest.h>

enum ncm_artifact_kind {
	NCM_ARTIFACT_FILE, /* goes to the file spec's targets */
	NCM_ARTIFACT_BLOB, /* of an Ollama model: goes to blobs/sha256-<hex> */
};

/* One file to have. */
struct ncm_artifact {
	enum ncm_artifact_kind kind;
	char *name;    /* path in the repository, or the server's file name; raw: not checked as a path yet. NULL: not
			  known before the download */
	bool has_twin; /* another has the same name but for what some file systems do not tell apart; set by those who
			  place them (resolve/content.c) */
	bool name_is_rough; /* only what the address ends in ("download"): a name that the server gives is the file's */
	char *role;         /* NULL: the file spec's. For blobs: "model", "template", "config" … */
	char *url; /* canonical; may hold a signature: to be asked, never shown or stored. NULL: not known, or its
		      signature is not */
	bool has_size;
	uint64_t size;
	bool size_is_rough; /* good for planning alone (Civitai's sizeKB) */
	bool has_sha256;
	struct ncm_sha256 sha256;
	bool has_git_sha1;
	struct ncm_sha1 git_sha1;
	bool expect_binary;
};

/* Whether files are handed out to those alone who have accepted something, or have been let in. */
enum ncm_gate {
	NCM_GATE_UNKNOWN,
	NCM_GATE_NONE,
	NCM_GATE_SHUT,
};

/* What a source found. */
struct ncm_resolution {
	char *uri;      /* canonical spelling, pinned ("hf:org/repo/file@<commit>"), as it may be written down */
	char *spelled;  /* what was asked for as its source spells it, if that is not as it was spelled; or NULL */
	char *revision; /* commit, Civitai version id, or Ollama manifest digest; NULL for a plain URL */
	struct ncm_artifact *artifacts;
	size_t count;
	char *page; /* where a person reads about it (and accepts a licence), or NULL */
	enum ncm_gate gate;
	struct ncm_error untold;           /* why the look-up left sizes open though the source may well have it */
	struct ncm_credential *credential; /* for the artifacts; owned by the sources; or NULL */
	const struct ncm_service *service;
	/* an Ollama model alone */
	char *ollama_name; /* "registry.ollama.ai/library/llama3.2/3b": its path below manifests/ */
	char *manifest;    /* exact bytes, or NULL when made from pins without asking */
	size_t manifest_size;
	struct ncm_sha256 manifest_digest;
	char *runner; /* the one of several manifests of the tag that the registry gave is for this; or NULL */
	/* Of a repository that is to be kept as it is (struct ncm_pin): all of its files at the revision, wanted or
	 * not, as huggingface_hub notes it in trees/<commit>.json; NULL where not all are known */
	char *listing;
	/* A lock that its publisher sent along, of other places of its bytes; NULL: none. Whoever publishes may write
	 * anything into it. */
	char *lock_url;
	struct ncm_sha256 lock_sha256;
	char *notice; /* what a person has to know before it is fetched, without the model's name; or NULL */
	/* facts that came along; NULL where not known. `kind`: what its one file is (store/purpose.h) */
	struct ncm_card card; /* its page stands in `page` */
	char *kind, *architecture, *parameters, *quantization, *license;
};
void ncm_resolution_free(struct ncm_resolution *resolution);

/* Where a file goes that no manifest places. */
struct ncm_habit {
	const char *kind; /* of model; NULL: it follows from what the source or the file's header says, and so does the
			     folder, in this store if that has one for it */
	const char *format; /* or NULL */
	const char *store;
	const char *folder; /* or NULL: the store's own */
};

/* What tells one state of what an URI names from the next: so is asked whether the pinned one is still there. */
enum ncm_revision_kind {
	NCM_REVISION_EXACT, /* a commit or version: asked for by it, the source gives the same bytes for ever */
	NCM_REVISION_TAG,   /* a digest of what a name leads to; not all servers hand out by it, so the name is asked */
	NCM_REVISION_NONE,  /* there is none: an address, whose bytes alone tell */
};

struct ncm_source;
struct ncm_sources; /* the sources of one run, with their credentials; used from many threads at once */

struct ncm_sources *ncm_sources_new(const struct ncm_config *config, struct ncm_http *http,
				    const struct ncm_sink *sink);
void ncm_sources_free(struct ncm_sources *sources);

/*
 * Checks an URI by its source's grammar and writes its canonical spelling (pasted page URLs, "urn:air:…", default
 * parts) to *canonical (freed by the caller; may be NULL). `allow_http`: an http:// URL is what the user wants. Class
 * USAGE. No network.
 */
int ncm_source_check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err);
/* The source that an URI is of, or NULL if it is no URI but a name. What it is like, the struct's members tell: nobody
 * outside compares names of sources. */
const struct ncm_source *ncm_source_of(const char *uri);
/* Its scheme: "ollama", "hf", "civitai", "https"; or NULL. Static. */
const char *ncm_source_scheme(const char *uri);
/* The source that people mean by a word: its scheme, or an alias ("huggingface"), in any case; or NULL. */
const struct ncm_source *ncm_source_by_word(const char *word);
/* The source at a place of the table, in order of precedence; NULL behind the last. */
const struct ncm_source *ncm_source_at(size_t index);
/* How sources begin, for hints: "ollama:, hf:, civitai: or https://", from one of the table on. The caller frees it. */
char *ncm_source_beginnings(size_t first);
/* Offers all schemes for what is near to one. */
void ncm_source_offer_schemes(struct ncm_nearest *nearest);
/* Whether an URI's models are a manifest and blobs (see gives_blobs), and whether it is asked by plain http. */
bool ncm_source_gives_blobs(const char *uri);
bool ncm_source_is_in_clear(const char *uri);
/* Whether what it publishes of a file's bytes is overruled by a pin (see is_hearsay). */
bool ncm_source_is_hearsay(const char *uri);
/* What Civitai calls a type of model ("LORA"), as manifests do; NULL for what is not known. Static. */
const char *ncm_civitai_kind(const char *type);
/* The same of the type that an AIR ("urn:air:sdxl:lora:civitai:…") has in it; NULL for other addresses, and types that
 * are not known. */
const char *ncm_civitai_kind_of_air(const char *uri);
/* The numbers of what an URI is at Civitai (the model's 0 where it is not spelled). False for what is not of it. */
bool ncm_civitai_ids(const char *uri, uint64_t *model, uint64_t *version);
/* The page of a version (0: of the model) at Civitai. The caller frees it. */
char *ncm_civitai_page(uint64_t model, uint64_t version);
/* Whether it is a plain address, of which nobody knows more than it says. */
bool ncm_source_is_address(const char *uri);
/* How a revision of what an URI names comes about; NCM_REVISION_EXACT for what is none. */
enum ncm_revision_kind ncm_source_revision_kind(const char *uri);
/* Where what an URI names goes if nobody says so, as far as that can be told without asking; NULL: it cannot. Static.
 */
const struct ncm_habit *ncm_source_habit(const char *uri);
/* The same of a file's name. */
const struct ncm_habit *ncm_source_habit_of_name(const char *name);
/* Whether the URI may stand for many files, whose names are not known before it is asked. */
bool ncm_source_is_many(const char *uri);
/* The name that its one file has, where the URI shows it, fit to be one here; else NULL. The caller frees it. */
char *ncm_source_file_name(const char *uri);
/* The spelling of one file of what the URI names, at a revision; NULL where the source has none. The caller frees it.
 */
char *ncm_source_file_at(const char *uri, const char *path, const char *revision);
/* The revision that the URI spells, as a resolution would tell it; or NULL. The caller frees it. */
char *ncm_source_spelled_revision(const char *uri);
/* Whether a place of the spec may be asked by http: the user allows it, or the bytes are pinned, by the spec or by the
 * URI itself, and so need no TLS to be right. */
bool ncm_source_may_use_http(const struct ncm_file_spec *spec, const char *uri);
enum {
	NCM_SOURCE_ID_LONGEST = 120,  /* bytes of an id made of a source */
	NCM_MANIFEST_ID_LONGEST = 96, /* and of one that a manifest may have */
};
/*
 * An id for a model made from an URI alone, and its display name. Ids of URIs with different keys (ncm_source_key)
 * differ: "org/repo/path/file.gguf", "llama3.2:3b", "civitai:4384@128713", "host/path/file.gguf", of at most
 * NCM_SOURCE_ID_LONGEST bytes of [A-Za-z0-9._/:@+=,-]. What that leaves out, a query above all, which may be a secret,
 * stands in it as digits of the key's SHA-256. The caller frees both.
 */
void ncm_source_names(const char *uri, char **id, char **display);
/* An id with digits of the SHA-256 of what names the model behind it, cut to `longest` bytes; one that has them already
 * stays. The caller frees it. */
char *ncm_source_id_apart(const char *id, const char *named_by, size_t longest);
/* An id that a manifest may have (^[a-z0-9][a-z0-9._-]{0,95}$): `id` itself, or what can be kept of it with digits of
 * its SHA-256. The caller frees it. */
char *ncm_source_manifest_id(const char *id);

/*
 * What a lock or a manifest pins of an URI beforehand, if anything. With a revision, mutable names (branches, tags) are
 * not asked anew.
 */
struct ncm_pin {
	const char *revision; /* commit, version id, "sha256:…" of an Ollama manifest; or NULL */
	bool as_it_is; /* a whole repository is to have git's own files, too, and what it calls each file is to be asked
			*/
	bool by_digest; /* ncm_source_offline may ask the cache and web servers that have content by its digest */
	bool for_plan;  /* nothing will be fetched by what ncm_source_offline makes: pinned digests are enough for it */
};

/*
 * Asks the source (may block on the network) what `uri` of the spec is. `pin` may be NULL. Free the result with
 * ncm_resolution_free. Errors: NOT_FOUND, AUTH, NETWORK, RATE_LIMIT, PROTOCOL, USAGE.
 */
struct ncm_resolution *ncm_source_resolve(struct ncm_sources *sources, const char *uri,
					  const struct ncm_file_spec *spec, const struct ncm_pin *pin,
					  struct ncm_error *err);
/*
 * As ncm_source_resolve without any request: possible when the URI names one immutable file and the spec pins size and
 * digest (or for a plain URL). NULL without an error if the source has to be asked. With pin->for_plan the digest is
 * enough, of an Ollama model that of its manifest together with its layers: what comes out then says what it is, not
 * under which revision it is served, and has no bytes of an Ollama manifest.
 */
struct ncm_resolution *ncm_source_offline(struct ncm_sources *sources, const char *uri,
					  const struct ncm_file_spec *spec, const struct ncm_pin *pin);

/*
 * Asks the sources that can tell which of what they have are these bytes. NULL without an error if none has them; else
 * with the class of what failed. Its one artifact has a digest where the source says the whole of it.
 */
struct ncm_resolution *ncm_source_find(struct ncm_sources *sources, const struct ncm_sha256 *sha256, uint64_t size,
				       struct ncm_error *err);

/* Whether services that can be asked by digest may have a file of that name: weights, that is. */
bool ncm_source_may_find(const char *name);

/*
 * The SHA-256 checkpoints of a resolution's artifact, a file of this digest and size, that its service has. Nothing
 * says that they are right. Returns 0, or -1 if there are none, or it is not worth to ask for them; free with
 * ncm_checkpoints_clear. From any thread.
 */
int ncm_source_checkpoints(struct ncm_sources *sources, const struct ncm_resolution *found,
			   const struct ncm_artifact *artifact, const struct ncm_sha256 *sha256, uint64_t size,
			   struct ncm_checkpoints *checkpoints);

/*
 * What tells this state of a resolution's artifact from the next: its revision where that is exact, else what its
 * server calls it now, which is asked for. NULL: nothing does, or it cannot be asked. The caller frees it. From any
 * thread.
 */
char *ncm_source_state(const struct ncm_sources *sources, const struct ncm_resolution *found,
		       const struct ncm_artifact *artifact);
/* The same of what came from there, with this strong ETag ("": without one). NULL: nothing does. Borrowed. */
const char *ncm_source_state_of(const struct ncm_resolution *found, const char *etag);

/* The text of the lock that was sent along (lock_url), of the right digest and not large. The caller frees it; NULL:
 * there is none, or it cannot be had. */
char *ncm_source_lock(const struct ncm_sources *sources, const struct ncm_resolution *found, size_t *size);
/* Whether an URI names no server: then it can ask none but its service's. */
bool ncm_source_is_of_one_server(const char *uri);

/*
 * Where the configuration's cache has these bytes, of that size (NULL: not known): one artifact. It is trusted by
 * nobody: the digest decides. NULL: it has them not, there is no cache, or it cannot be asked, which is told once a
 * run. From many threads.
 */
struct ncm_resolution *ncm_source_cached(struct ncm_sources *sources, const struct ncm_sha256 *sha256,
					 const uint64_t *size);
/* Whether the cache could not be asked for something in this run: then *err says why first. From many threads. */
bool ncm_source_cache_why(struct ncm_sources *sources, struct ncm_error *err);
/* The same as ncm_source_cached of the bundle of that number in the configuration, where that is a web server. */
struct ncm_resolution *ncm_source_at_bundle(struct ncm_sources *sources, size_t bundle, const struct ncm_sha256 *sha256,
					    const uint64_t *size);

/* Whether that bundle, or (their count) the cache, could not be asked in this run. */
bool ncm_source_is_silent(const struct ncm_sources *sources, size_t bundle);

/*
 * The spelling of what moves where the URI points: without commit, version, digest or file id. Equal to the canonical
 * one if that pins nothing. NULL if it cannot be told without asking (a Civitai version names no model) or the URI is
 * none. The caller frees it.
 */
char *ncm_source_newest(const char *uri);
/*
 * What the URI names, whatever revision it is at: equal for two URIs that mean the same file, repository, model of
 * Ollama or version at Civitai. A commit, branch or tag, a digest and the model that a version at Civitai is of are
 * left out; service, owner, repository, path, version, file and query are in it. NULL for what is no URI. The caller
 * frees it.
 */
char *ncm_source_key(const char *uri);
/*
 * The part of an URI that all URIs of the same key share but for the case of letters, to find them by; *size is its
 * length. Borrowed from `uri`. NULL if the URI is not in its canonical spelling, shares none, or holds a secret: its
 * key then has one.
 */
const char *ncm_source_stem(const char *uri, size_t *size);
/*
 * An URI as it may be shown and stored: without what is secret, in its canonical spelling if it had that, with
 * "#signed" behind a plain address that was signed. That asks for a new address when it is resolved; its key is that of
 * the address however it was signed. The caller frees it.
 */
char *ncm_source_remembered(const char *uri);
/* Fails for an address whose signature was not kept: class AUTH. Always returns -1. */
int ncm_source_ask_for_new(const char *uri, struct ncm_error *err);
/*
 * The spelling of a whole repository of which only those files are wanted that a glob of `include` (none: all) and none
 * of `exclude` matches. Returns 0 with *chosen (freed by the caller), or -1 with *err (USAGE) if `uri` is no
 * repository.
 */
int ncm_source_choose(const char *uri, const struct ncm_strings *include, const struct ncm_strings *exclude,
		      char **chosen, struct ncm_error *err);
/* If `uri` means the whole of the repository of which `known` means chosen files alone: `uri` with that choice, which
 * the caller frees; else NULL. */
char *ncm_source_recall(const char *uri, const char *known);
/* The name of the repository that `uri` means the whole of ("Repo" of "hf:Org/Repo"), or NULL. The caller frees it. */
char *ncm_source_repository(const char *uri);
/* The repository that `uri` is of, whole or in part, with its owner ("Org/Repo"), or NULL. The caller frees it. */
char *ncm_source_home(const char *uri);
/* What a folder for what `uri` is of is called: its home, else the whole repository's name; or NULL. The caller frees
 * it. */
char *ncm_source_folder(const char *uri);
/* The branch or tag by which `uri` means a revision of its repository ("main"), or NULL: it says the commit, or there
 * are none. The caller frees it. */
char *ncm_source_reference(const char *uri);
/* Whether `uri` means all of a repository, and not chosen files of it. */
bool ncm_source_is_whole(const char *uri);
/* Whether what `uri` names has in it what `other` names, at whatever revisions: the same key, a file of a repository,
 * or a version of the model at Civitai whose latest is meant. */
bool ncm_source_holds(const char *uri, const char *other);
/*
 * Asks in one small request whether the artifact's bytes would be handed out. Returns 0 if so, 1 if that cannot
 * be told, -1 with *err (class AUTH) if not.
 */
int ncm_source_ask_access(const struct ncm_sources *sources, const struct ncm_resolution *resolution,
			  const struct ncm_artifact *artifact, struct ncm_error *err);
/* Where the registry of a resolved Ollama model has the blob of a digest, whichever manifest named it. NULL if the
 * resolution is of another source. The caller frees it. */
char *ncm_source_blob_url(const struct ncm_resolution *resolution, const struct ncm_sha256 *digest);

/* One source. All functions but claims and check get the canonical URI; those that may be NULL say what that means. */
struct ncm_source {
	const char *scheme;
	const char *begins;         /* how people begin it: "hf:" */
	const char *const *aliases; /* what else `--source` takes for the scheme, up to a NULL; or NULL */
	enum ncm_revision_kind revision;
	/* Its models are a manifest and blobs: they go as a whole to a store that keeps such, have no folder and no
	 * name there, are pinned by "digest", and their entry in models.json has a file of the role "manifest". */
	bool gives_blobs;
	bool gives_archives; /* what goes to their places is what they hold */
	bool may_be_http;    /* its URIs may say http:// */
	bool one_server;     /* its URIs name none: all are of its service's */
	bool refuses_head;   /* asks for access by the first bytes: a HEAD tells nothing */
	bool is_hearsay;     /* it has published wrong digests: a pin overrules what it says of a file */
	bool query_chooses;  /* what follows the '?' of a key chooses a file of what stands before it */
	const struct config_service *settings; /* where its service is, and who has a token for it; or NULL */
	/* Makes of the token that was found what its requests are signed with. NULL: it is shown as it is. */
	void (*sign_in)(const struct ncm_config *config, struct ncm_credential *credential);
	/* As ncm_source_habit. NULL: it is that of the file's name. */
	const struct ncm_habit *(*habit)(const char *canonical);
	/* As ncm_source_is_many, _file_name, _file_at, _spelled_revision. NULL: never. */
	bool (*many)(const char *canonical);
	char *(*file_name)(const char *canonical); /* raw */
	char *(*file_at)(const char *canonical, const char *path, const char *revision);
	char *(*spelled_revision)(const char *canonical);
	const char *(*stem)(const char *uri, size_t *size); /* as ncm_source_stem, of an URI that begins so */
	bool (*claims)(const char *uri);                    /* is this spelling ours? */
	int (*check)(const char *uri, bool allow_http, char **canonical, struct ncm_error *err);
	void (*names)(const char *canonical, char **id, char **display);
	struct ncm_resolution *(*resolve)(struct ncm_sources *sources, const char *uri,
					  const struct ncm_file_spec *spec, const struct ncm_pin *pin,
					  struct ncm_error *err);
	struct ncm_resolution *(*offline)(struct ncm_sources *sources, const char *uri,
					  const struct ncm_file_spec *spec, const struct ncm_pin *pin);
	/* As ncm_source_find. NULL: it cannot tell. */
	struct ncm_resolution *(*find)(struct ncm_sources *sources, const struct ncm_sha256 *sha256, uint64_t size,
				       struct ncm_error *err);
	/* As ncm_source_checkpoints. NULL: it has none. */
	int (*checkpoints)(struct ncm_sources *sources, const struct ncm_resolution *found,
			   const struct ncm_artifact *artifact, const struct ncm_sha256 *sha256, uint64_t size,
			   struct ncm_checkpoints *checkpoints);
	char *(*newest)(const char *canonical);
	/* As ncm_source_key and, for keys that differ, ncm_source_holds. NULL: it is `newest`; never. */
	char *(*key)(const char *canonical);
	bool (*holds)(const char *canonical, const char *other);
	char *(*repository)(const char *canonical); /* as ncm_source_repository; NULL: never */
	char *(*home)(const char *canonical);       /* as ncm_source_home; NULL: never */
	bool (*is_whole)(const char *canonical);    /* as ncm_source_is_whole; NULL: never */
	char *(*reference)(const char *canonical);  /* as ncm_source_reference; NULL: never */
	/* As ncm_source_choose, and ncm_source_recall with *uri; NULL: never. */
	int (*choose)(const char *canonical, const struct ncm_strings *include, const struct ncm_strings *exclude,
		      char **uri, struct ncm_error *err);
	bool (*recall)(const char *canonical, const char *known, char **uri);
};
/* Those that others spell URIs of. */
extern const struct ncm_source ncm_source_ollama, ncm_source_huggingface, ncm_source_civitai, ncm_source_comfy;

/* What the sources share. */
struct ncm_sources {
	const struct ncm_config *config;
	struct ncm_http *http;
	const struct ncm_sink *sink;
	/* How every request of the sources goes out: ncm_http_get, unless somebody stands in for the network. */
	int (*get)(struct ncm_http *http, const struct ncm_request *request, struct ncm_reply *reply,
		   struct ncm_error *err);
	struct ncm_credential *own; /* of each source of the table, from the configuration: ncm_source_credential */
	struct oci_registries registries;
	struct oci_referrers *referrers;
	bool cache_alone;           /* of what is pinned the cache may be asked, and nobody else */
	struct ncm_error cache_why; /* what hindered the cache first: ncm_source_cache_why */
	_Atomic bool cache_told;    /* what hinders the cache was told */
	_Atomic bool cache_gone;    /* it is asked no more */
	_Atomic bool *bundle_gone;  /* of each bundle of the configuration */
};

#endif
