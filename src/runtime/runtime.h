/* SPDX-License-Identifier: MIT */
/* A kind of program that runs models: one struct and one file each, and its name in the table of runtime.c. */
#ifndef NCM_RUNTIME_RUNTIME_H
#define NCM_RUNTIME_RUNTIME_H

#include "base/json.h"
#include "transfer/http.h"

#include <ncmodel/registry.h>
#include <ncmodel/runtime.h>

/* One server, while it is spoken to. */
struct runtime_client {
	const char *name, *url;
	char *what; /* for messages: "server small" */
	struct ncm_http *http;
	const struct ncm_runtime *kind; /* NULL: not known yet */
	bool strange;                   /* what answers is of no kind that is known */
	const struct ncm_runtime_options *options;
	double until; /* by ncm_monotonic: nothing is waited for longer; 0: no such bound */
};

/* What a server answered. */
struct runtime_answer {
	long status;
	json_t *json; /* NULL: it is none */
};

/* All functions return 0, or -1 with *err. */
struct ncm_runtime {
	const char *kind, *title;
	bool keeps; /* takes a keep-alive */
	/* Whether the server is one: 1, 0, or -1 with *err. *version as it tells it, if it does. */
	int (*is)(const struct runtime_client *client, char **version, struct ncm_error *err);
	/* What is loaded, added to *server. */
	int (*loaded)(const struct runtime_client *client, struct ncm_runtime_server *server, struct ncm_error *err);
	/* The names of all that it has. */
	int (*offered)(const struct runtime_client *client, struct ncm_strings *names, struct ncm_error *err);
	/* Begin what ends when `loaded` lists the model as loaded, or not any more. */
	int (*load)(const struct runtime_client *client, const char *name, struct ncm_error *err);
	int (*unload)(const struct runtime_client *client, const char *name, struct ncm_error *err);
	/* The same as load of a model whose state is "sleeping". NULL: there is no such. */
	int (*wake)(const struct runtime_client *client, const char *name, struct ncm_error *err);
	/* Has it fetch a model, telling PROGRESS, and the digest under which it then lists it (hexadecimal digits).
	 * NULL: it cannot. */
	int (*pull)(const struct runtime_client *client, const char *name, char **digest, struct ncm_error *err);
	/* Why a model whose loading had begun is not loaded: sets *err. NULL: loading has ended when `load` has. */
	int (*failed)(const struct runtime_client *client, const char *name, struct ncm_error *err);
};

extern const struct ncm_runtime ncm_runtime_ollama, ncm_runtime_lmstudio, ncm_runtime_llamacpp;

/* ask.c */
/*
 * GET of a path, or POST of a body (whose reference it takes). Whatever the status, it is an answer; what cannot be
 * reached is RUNTIME. `seconds`: that it may take, unless the user says otherwise.
 */
int runtime_ask(const struct runtime_client *client, const char *path, json_t *body, unsigned seconds,
		struct runtime_answer *answer, struct ncm_error *err);
void runtime_answer_clear(struct runtime_answer *answer);
static inline void runtime_cleanup_answer(struct runtime_answer *answer)
{
	runtime_answer_clear(answer);
}
#define RUNTIME_AUTO_ANSWER __attribute__((cleanup(runtime_cleanup_answer)))
/* As runtime_ask for what must be answered with 200 and an object: else *err tells what it says. */
int runtime_want(const struct runtime_client *client, const char *path, json_t *body, unsigned seconds,
		 struct runtime_answer *answer, struct ncm_error *err);
/* Sets *err to what an answer says that is no success. Always returns -1. */
int runtime_refusal(const struct runtime_client *client, const char *path, const struct runtime_answer *answer,
		    struct ncm_error *err);
/* How a kind of server lists its models: an object that has them in an array. */
struct runtime_listing {
	const char *path, *key;                /* what is asked for, and the array's name */
	const char *name;                      /* the member of each that names it */
	bool (*is_model)(const json_t *model); /* whether it has all else that such a server's has */
};
/* Whether the server lists its models so: 1, 0, or -1 with *err. */
int runtime_lists(const struct runtime_client *client, const struct runtime_listing *listing, struct ncm_error *err);
/* *answer is such a list, each of whose models has its name; else -1 with *err. */
int runtime_list(const struct runtime_client *client, const struct runtime_listing *listing,
		 struct runtime_answer *answer, struct ncm_error *err);
/* Adds the names of all. Returns 0, or -1 with *err. */
int runtime_list_names(const struct runtime_client *client, const struct runtime_listing *listing,
		       struct ncm_strings *names, struct ncm_error *err);
/* An object with one text. New reference. */
json_t *runtime_body(const char *key, const char *value);
/* Makes an error of the network that of a program which does not run. Always returns -1. */
int runtime_unreached(const struct runtime_client *client, struct ncm_error *err);
enum { RUNTIME_QUESTION_SECONDS = 10, RUNTIME_LOAD_SECONDS = 600 };

/* runtime.c */
/* Finds out what a server is: client->kind. Its version goes to *version. */
int runtime_identify(struct runtime_client *client, char **version, struct ncm_error *err);
struct ncm_http *runtime_http(const struct ncm_config *config, const struct ncm_runtime_options *options);
void runtime_client_open(struct runtime_client *client, const struct ncm_server *server, struct ncm_http *http,
			 const struct ncm_runtime_options *options);
void runtime_client_close(struct runtime_client *client);
void runtime_running_clear(struct ncm_running *running);
void runtime_server_clear(struct ncm_runtime_server *server);
struct ncm_running *runtime_add(struct ncm_runtime_server *server, const char *name, const char *state);

/* names.c */
/* What servers may call a model, added to *names: the word itself first. */
void runtime_names(const struct ncm_registry *registry, const struct ncm_catalog *catalog, const char *word,
		   struct ncm_strings *names);
/* Whether a server's name is one of them, with or without ":latest", in any case. */
bool runtime_is_named(const struct ncm_strings *names, const char *server_name);

/* The name that Ollama has for a source, or NULL. The caller frees it. */
char *runtime_ollama_name(const char *uri);

/* ollama_pull.c */
int runtime_ollama_pull(const struct runtime_client *client, const char *name, char **digest, struct ncm_error *err);

/* when.c */
/* Seconds since 1970 of an RFC 3339 time. */
bool runtime_time(const char *text, int64_t *seconds);

#endif
