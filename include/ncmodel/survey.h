/* SPDX-License-Identifier: MIT */
/*
 * What lies in a store, whoever put it there: no manifest of ours and no models.json is needed. An Ollama blob's name
 * is its digest; a Hugging Face cache blob's name is its LFS sha256 or its git sha1; sidecar files (.sha256,
 * .civitai.info, Automatic1111's cache.json) carry hashes; GGUF and safetensors files have a structure that can be
 * checked.
 */
#ifndef NCMODEL_SURVEY_H
#define NCMODEL_SURVEY_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/registry.h>
#include <ncmodel/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* How closely to look. Each depth includes the ones before it. */
enum ncm_survey_depth {
	NCM_SURVEY_NAMES,   /* names, sizes, references: no content but manifests, refs and sidecars is read */
	NCM_SURVEY_HEADERS, /* and the headers of model files */
	NCM_SURVEY_CONTENT, /* and every byte whose digest something tells */
	NCM_SURVEY_DIGESTS, /* and every byte of every model file: each has its sha256 then */
};

/* Append only: the names are part of the JSON interface. */
enum ncm_survey_state {
	NCM_SURVEY_OK, /* "ok": its content was hashed and is what is told of it; of a manifest: it is well made */
	NCM_SURVEY_UNPROVED,  /* "unproved": nothing tells its digest (or it was not hashed), and nothing is wrong with
				 it */
	NCM_SURVEY_DAMAGED,   /* "damaged": another digest than told, or a structure that does not hold */
	NCM_SURVEY_TRUNCATED, /* "truncated": shorter than its manifest or its own header says */
	NCM_SURVEY_MISSING,   /* "missing": named by a manifest or snapshot, and not there */
	NCM_SURVEY_ORPHANED,  /* "orphaned": a sidecar, ref or link whose model is not there */
	NCM_SURVEY_UNREFERENCED, /* "unreferenced": a blob that nothing names */
	NCM_SURVEY_PARTIAL,      /* "partial": somebody's unfinished download */
	NCM_SURVEY_UNREADABLE,   /* "unreadable"; of a folder (role "folder"): what lies in it is not known */
	NCM_SURVEY_DIFFERS, /* "differs": nothing is wrong with it but that sidecars or cache.json tell other digests */
};
const char *ncm_survey_state_name(enum ncm_survey_state state);

/*
 * What another tool wrote down of a file beside it: hearsay, for files are edited and replaced and sidecars stay. Of a
 * version with several files there is one of each, the likeliest first.
 */
struct ncm_survey_claim {
	struct ncm_sha256 sha256;
	const char *told_by; /* "sidecar", "cache.json". Static */
	char *which;         /* "file 2 (fp32)" of several; or NULL */
	uint64_t size;       /* to 1 KiB; 0: not told */
	char *source;        /* canonical, of what has these bytes; or NULL */
	char *revision;      /* of it; or NULL */
	char tensors[65];    /* hex: how the SHA-256 of all after a safetensors header begins; "": not told */
};

struct ncm_survey_file {
	char *path; /* absolute, as the application opens it */
	char *
	    real; /* the regular file behind it (a Hugging Face snapshot is made of links into blobs/); or NULL: path */
	char *store; /* store id */
	char *role;  /* "weights", "manifest", "config", "blob", "sidecar" … */
	enum ncm_survey_state state;
	char *detail;  /* why, when there is something to say; or NULL */
	uint64_t size; /* found */
	struct ncm_survey_claim *claims;
	size_t claim_count;
	bool claim_is_open; /* it meets none of several claims, and nothing tells of which of them it is a damaged copy
			     */
	uint64_t device, inode;
	int64_t mtime_ns;
	bool has_expected_size;
	uint64_t expected_size;
	bool has_expected; /* something tells its sha256 */
	struct ncm_sha256 expected;
	/*
	 * Who tells its digest: "name" (its own), "listing" (of a Hugging Face commit), "sidecar", "cache.json",
	 * "models.json"; NULL: nobody. Git's sha1 of a small file of Hugging Face is checked too, without being told
	 * here. Static.
	 */
	const char *told_by;
	bool has_sha256; /* hashed in this survey */
	struct ncm_sha256 sha256;
	struct ncm_verify_range *damaged; /* to 16 MiB, as far as checkpoints tell */
	size_t damaged_count;
	bool is_beside; /* its model's, but not part of what is registered of it: other children of an Ollama list */
};

/* Files that are one model: an Ollama manifest with its blobs, a commit of a repository, one file with its sidecars. */
struct ncm_survey_model {
	/*
	 * As models.json could have it: id (unique in the survey), display_name, kind, store, source (canonical,
	 * pinned), revision, format, architecture, quantization, parameters, context_length, dimensions, license; files
	 * with abs (the regular file, no link), size, role, store, mtime_ns, and sha256 where it was hashed or told
	 * (else all zero). What nothing tells is NULL or 0.
	 */
	struct ncm_reg_model entry;
	const char *known_by; /* "ollama", "hf", "civitai", "header", "name". Static */
	size_t *files;        /* indexes into the survey's files */
	size_t file_count;
	enum ncm_survey_state state; /* the gravest of its files */
	char *guess;            /* "publisher/model", by its folder alone, if nothing tells its source; else NULL */
	bool source_is_hearsay; /* a sidecar tells the source, and no digest proved it */
};

struct ncm_survey_store {
	char *id;
	const char *kind; /* as layouts spell it: "folders", "ollama", "huggingface" … Static */
	char *path;
	bool has_tags; /* manifests of tags name its blobs; what none of them names is nobody's */
	bool there;    /* the folder exists */
	bool readable; /* and all of it could be looked through; else the files have what could not */
	size_t models, files;
	uint64_t bytes; /* of regular files, each inode once */
};

struct ncm_survey {
	struct ncm_survey_store *stores;
	size_t store_count;
	struct ncm_survey_model *models;
	size_t model_count;
	struct ncm_survey_file *files; /* sorted by path; those of no model too */
	size_t file_count;
	uint64_t hashed; /* bytes */
	double seconds;
};

struct ncm_survey_options {
	const char *const
	    *stores; /* ids of the layout ("ollama", "hf", "a1111" …); none: every store whose folder is there */
	size_t store_count;
	const char *path; /* where the one store lies instead; NULL: where the layout says */
	enum ncm_survey_depth depth;
};

/*
 * Looks at the stores. Damage is in the survey, and so is what cannot be read, folders and whole stores too; the call
 * fails only if it could not look (USAGE for a store that the layout lacks or a path that is not there, IO,
 * INTERRUPTED). Writes nothing but checkpoints. Free with ncm_survey_free.
 */
struct ncm_survey *ncm_survey_make(const struct ncm_config *config, const struct ncm_survey_options *options,
				   const struct ncm_sink *sink, struct ncm_error *err);
void ncm_survey_free(struct ncm_survey *survey);
/*
 * The surveyed models as a verify would report them if models.json had recorded them when they were right: what
 * ncm_plan_repair wants. Damaged, truncated and missing files of which no source or no digest is told, or several, are
 * left out, and counted in *hopeless (may be NULL). With `named` (ids; NULL or empty: none) these models alone are in
 * it, and those of their files that differ from what is told count as damaged; otherwise such files are right. The
 * report has no registry and does not need the survey any more. Free with ncm_verify_free.
 */
struct ncm_verify_report *ncm_survey_report(const struct ncm_survey *survey, const struct ncm_strings *named,
					    size_t *hopeless);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
