/* SPDX-License-Identifier: MIT */
#include "digest/sha256_lanes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* A kernel for each number of lanes, or none. */
typedef void kernel(const struct ncm_sha256_lane *lanes, size_t blocks);

#if defined(__x86_64__) || (defined(__aarch64__) && defined(__linux__))
/* FIPS 180-4, 4.2.2 */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, /* */
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, /* */
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, /* */
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, /* */
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, /* */
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, /* */
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, /* */
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#endif

#if defined(__x86_64__)

#define ON_CPU __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE static inline __attribute__((always_inline, target("sha,sse4.1,ssse3")))

/* The state as the instructions want it (ABEF, CDGH), as it was before the block, and the block's words. */
struct chain {
	__m128i abef, cdgh;
	__m128i abef_before, cdgh_before;
	__m128i words[4];
};

/* The bytes of each 32-bit word turned round. */
INLINE __m128i turned(__m128i words)
{
	return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

INLINE void open_chain(struct chain *chain, const struct ncm_sha256_state *state)
{
	const __m128i abcd = turned(_mm_loadu_si128((const __m128i *)(const void *)state->bytes));
	const __m128i efgh = turned(_mm_loadu_si128((const __m128i *)(const void *)(state->bytes + 16)));
	const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1), hgfe = _mm_shuffle_epi32(efgh, 0x1b);

	chain->abef = _mm_alignr_epi8(badc, hgfe, 8);
	chain->cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
}

INLINE void close_chain(const struct chain *chain, struct ncm_sha256_state *state)
{
	const __m128i feba = _mm_shuffle_epi32(chain->abef, 0x1b), dchg = _mm_shuffle_epi32(chain->cdgh, 0xb1);
	const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0), hgfe = _mm_alignr_epi8(dchg, feba, 8);

	_mm_storeu_si128((__m128i *)(void *)state->bytes, turned(dcba));
	_mm_storeu_si128((__m128i *)(void *)(state->bytes + 16), turned(hgfe));
}

INLINE void open_block(struct chain *chain, const uint8_t *block)
{
	for (int i = 0; i < 4; i++)
		chain->words[i] = turned(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)));
	chain->abef_before = chain->abef;
	chain->cdgh_before = chain->cdgh;
}

INLINE void close_block(struct chain *chain)
{
	chain->abef = _mm_add_epi32(chain->abef, chain->abef_before);
	chain->cdgh = _mm_add_epi32(chain->cdgh, chain->cdgh_before);
}

/* Rounds 4 * i to 4 * i + 3, and what later rounds need of the message. */
INLINE void four_rounds(struct chain *chain, const int i)
{
	const __m128i now = chain->words[i % 4];
	__m128i *const next = &chain->words[(i + 1) % 4], *const last = &chain->words[(i + 3) % 4];
	const __m128i sum = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(const void *)&constants[4 * i]));

	chain->cdgh = _mm_sha256rnds2_epu32(chain->cdgh, chain->abef, sum);
	if (i >= 3 && i < 15)
		*next = _mm_sha256msg2_epu32(_mm_add_epi32(*next, _mm_alignr_epi8(now, *last, 4)), now);
	chain->abef = _mm_sha256rnds2_epu32(chain->abef, chain->cdgh, _mm_shuffle_epi32(sum, 0x0e));
	if (i >= 1 && i < 13)
		*last = _mm_sha256msg1_epu32(*last, now);
}

static const char name[] = "x86 SHA";

/* CPUID leaf 7: EBX bit 29 is SHA; leaf 1: ECX bit 19 is SSE4.1, bit 9 SSSE3. */
static bool has_instructions(void)
{
	const unsigned sha = 1u << 29, sse = 1u << 19 | 1u << 9;
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & sse) != sse)
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & sha);
}

#elif defined(__aarch64__) && defined(__linux__)

#define ON_CPU __attribute__((target("+crypto")))
#define INLINE static inline __attribute__((always_inline, target("+crypto")))

struct chain {
	uint32x4_t abcd, efgh;
	uint32x4_t abcd_before, efgh_before;
	uint32x4_t words[4];
};

INLINE uint32x4_t load(const uint8_t *at)
{
	return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(at)));
}

INLINE void open_block(struct chain *chain, const uint8_t *block)
{
	for (int i = 0; i < 4; i++)
		chain->words[i] = load(block + 16 * i);
	chain->abcd_before = chain->abcd;
	chain->efgh_before = chain->efgh;
}

INLINE void close_block(struct chain *chain)
{
	chain->abcd = vaddq_u32(chain->abcd, chain->abcd_before);
	chain->efgh = vaddq_u32(chain->efgh, chain->efgh_before);
}

/* Rounds 4 * i to 4 * i + 3, and the words for the four rounds that need this place again. */
INLINE void four_rounds(struct chain *chain, const int i)
{
	uint32x4_t *const now = &chain->words[i % 4];
	const uint32x4_t sum = vaddq_u32(*now, vld1q_u32(&constants[4 * i])), abcd = chain->abcd;

	if (i < 12)
		*now = vsha256su1q_u32(vsha256su0q_u32(*now, chain->words[(i + 1) % 4]), chain->words[(i + 2) % 4],
				       chain->words[(i + 3) % 4]);
	chain->abcd = vsha256hq_u32(abcd, chain->efgh, sum);
	chain->efgh = vsha256h2q_u32(chain->efgh, abcd, sum);
}

INLINE void open_chain(struct chain *chain, const struct ncm_sha256_state *state)
{
	chain->abcd = load(state->bytes);
	chain->efgh = load(state->bytes + 16);
}

INLINE void close_chain(const struct chain *chain, struct ncm_sha256_state *state)
{
	vst1q_u8(state->bytes, vrev32q_u8(vreinterpretq_u8_u32(chain->abcd)));
	vst1q_u8(state->bytes + 16, vrev32q_u8(vreinterpretq_u8_u32(chain->efgh)));
}

static const char name[] = "arm64 SHA2";

static bool has_instructions(void)
{
	return getauxval(AT_HWCAP) & HWCAP_SHA2;
}

#endif

#ifdef ON_CPU

/* Sixteen times four rounds, written out: the message's words keep their registers only by names known beforehand. */
#define SIXTEEN(step)                                                                                                  \
	step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) /* */                                          \
	    step(8) step(9) step(10) step(11) step(12) step(13) step(14) step(15)

INLINE void hash_side_by_side(const struct ncm_sha256_lane *lanes, const size_t count, size_t blocks)
{
	struct chain chains[NCM_SHA256_LANES];

	for (size_t k = 0; k < count; k++)
		open_chain(&chains[k], lanes[k].state);
	for (size_t at = 0; at < blocks * NCM_SHA256_BLOCK; at += NCM_SHA256_BLOCK) {
		for (size_t k = 0; k < count; k++)
			open_block(&chains[k], lanes[k].blocks + at);
#define STEP(i)                                                                                                        \
	four_rounds(&chains[0], i);                                                                                    \
	if (count > 1)                                                                                                 \
		four_rounds(&chains[1], i);                                                                            \
	if (count > 2)                                                                                                 \
		four_rounds(&chains[2], i);
		SIXTEEN(STEP)
#undef STEP
		for (size_t k = 0; k < count; k++)
			close_block(&chains[k]);
	}
	for (size_t k = 0; k < count; k++)
		close_chain(&chains[k], lanes[k].state);
}

ON_CPU static void hash_one(const struct ncm_sha256_lane *lanes, size_t blocks)
{
	hash_side_by_side(lanes, 1, blocks);
}

ON_CPU static void hash_two(const struct ncm_sha256_lane *lanes, size_t blocks)
{
	hash_side_by_side(lanes, 2, blocks);
}

ON_CPU static void hash_three(const struct ncm_sha256_lane *lanes, size_t blocks)
{
	hash_side_by_side(lanes, 3, blocks);
}

static kernel *const kernels[NCM_SHA256_LANES] = {hash_one, hash_two, hash_three};

#else

static kernel *const kernels[NCM_SHA256_LANES] = {0};
static const char name[] = "";

static bool has_instructions(void)
{
	return false;
}

#endif

static bool in_use;

static void choose(void)
{
	const char *wanted = getenv("NCMODEL_SHA256");

	in_use = has_instructions() && !(wanted && strcmp(wanted, "openssl") == 0);
}

static bool has_kernel(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, choose);
	return in_use;
}

void ncm_sha256_lanes_advance(const struct ncm_sha256_lane *lanes, size_t count, size_t blocks)
{
	if (has_kernel()) {
		kernels[count - 1](lanes, blocks);
		return;
	}
	for (size_t k = 0; k < count; k++)
		ncm_sha256_state_advance(lanes[k].state, lanes[k].blocks, blocks * NCM_SHA256_BLOCK);
}

size_t ncm_sha256_lanes(void)
{
#if defined(__clang__)
	/* clang 14 keeps a third message's state in memory between its rounds, which costs more than it brings. */
	const size_t most = 2;
#else
	const size_t most = NCM_SHA256_LANES;
#endif

	return has_kernel() ? most : 1;
}

const char *ncm_sha256_kernel(void)
{
	return has_kernel() ? name : "OpenSSL";
}
