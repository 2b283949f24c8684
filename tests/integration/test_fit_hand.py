"""`ncmodel fit` of public models at 8192 and 32768 tokens, by hand from their configurations."""
import unittest

from test_fit import FitCase
import memory_models

CONTEXTS = (8192, 32768)


class KeptTest(FitCase):
    """What they keep between tokens, among them those where other tools are known to go wrong. `kept` is bytes of KV for n
    tokens, and of state."""

    def keeps(self, architecture, layers, keys, heads, kv_heads, width, kept):
        model = memory_models.Model(architecture, layers=layers, width=width, heads=heads, kv_heads=kv_heads, vocabulary=32)
        model.more(keys)
        model.add("token_embd.weight", width, 32)
        path = self.written(model)
        for context in CONTEXTS:
            with self.subTest(context=context):
                found = self.model(path, "--context", str(context))["card"]
                self.assertEqual((found["kv"], found["state"]), kept(context))

    def test_the_head_may_be_longer_than_width_by_heads(self):
        """Qwen3 0.6B: 28 layers, 8 heads of K and V, 128 each; by 1024 / 16 heads it would be half."""
        self.keeps("qwen3", 28, memory_models.heads_of(128), 16, 8, 1024, lambda n: (n * 28 * 8 * (128 + 128) * 2, 0))

    def test_windowed_layers_keep_the_window(self):
        """Gemma 3 27B: of 62 layers every sixth sees all, 10; 52 keep 1024 + 512 cells. By all layers: 4.9 times that."""
        self.keeps("gemma3", 62, {"attention__sliding_window": 1024, **memory_models.heads_of(128)}, 32, 16, 5376,
                   lambda n: ((10 * n + 52 * 1536) * 16 * 256 * 2, 0))

    def test_of_34_layers_five_see_all(self):
        """Gemma 3 4B: 34 layers: 5 whole periods of six; il mod 6 != 0 would give six."""
        self.keeps("gemma3", 34, {"attention__sliding_window": 1024, **memory_models.heads_of(256)}, 8, 4, 2560,
                   lambda n: ((5 * n + 29 * 1536) * 4 * 512 * 2, 0))

    def test_latent_attention_keeps_one_row(self):
        """DeepSeek V3.1: 61 layers, 512 + 64 once; as K and V of 128 heads 57 times that. V2 Lite: 27 layers of the same."""
        keys = {"attention__key_length": 576, "attention__value_length": 512, "attention__key_length_mla": 192,
                "attention__value_length_mla": 128, "attention__kv_lora_rank": 512, "rope__dimension_count": 64}
        self.keeps("deepseek2", 61, keys, 128, 1, 7168, lambda n: (n * 61 * 576 * 2, 0))
        self.keeps("deepseek2", 27, keys, 16, 1, 2048, lambda n: (n * 27 * 576 * 2, 0))

    def test_every_second_layer(self):
        """gpt-oss 20B: 12 layers see all, 12 keep 128 + 512, padded to 768."""
        self.keeps("gpt-oss", 24, {"attention__sliding_window": 128, **memory_models.heads_of(64)}, 64, 8, 2880,
                   lambda n: (12 * (n + 768) * 8 * 128 * 2, 0))

    def test_layers_without_attention(self):
        """LFM2 1.2B: 6 of 16 layers attend; 10 keep 2048 x (3 - 1) numbers of four bytes."""
        heads = [0, 0, 8, 0, 0, 8, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0]
        self.keeps("lfm2", 16, {"shortconv__l_cache": 3}, 32, heads, 2048,
                   lambda n: (n * 6 * 8 * 128 * 2, 10 * 2048 * 2 * 4))

    def test_every_fourth_layer_attends(self):
        """Qwen3.5 27B: 16 of 64 layers attend; 48 keep (4 - 1) x (6144 + 2 x 16 x 128) + 128 x 6144 numbers."""
        keys = {"full_attention_interval": 4, "ssm__conv_kernel": 4, "ssm__inner_size": 6144, "ssm__state_size": 128,
                "ssm__group_count": 16, "ssm__time_step_rank": 48, **memory_models.heads_of(256)}
        self.keeps("qwen35", 64, keys, 24, 4, 5120,
                   lambda n: (n * 16 * 4 * 512 * 2, 48 * (3 * (6144 + 2 * 16 * 128) + 128 * 6144) * 4))

    def test_encoders_keep_nothing(self):
        """bge-reranker: 24 layers, and no KV."""
        self.keeps("bert", 24, {}, 16, 16, 1024, lambda n: (0, 0))


class WholeTest(FitCase):
    """Every part of three, all tensors in F16. Weights: parameters as the models' own pages count them, and the card has the
    output but not the embedding, and norms and biases in F32. Computation: the logits of 512 tokens and one or two rows."""

    def counts(self, model, head, bias, parameters, kv):
        for layer in range(model.layers):
            model.attention(layer, head=head, bias=bias)
            model.network(layer)
        model.ends()
        in_f32 = sum(tensor[1][0] for tensor in model.tensors if len(tensor[1]) == 1)
        embedding = model.vocabulary * model.width
        path = self.written(model)
        for context in CONTEXTS:
            with self.subTest(context=context):
                found = self.model(path, "--context", str(context))
                card, host = found["card"], found["host"]
                self.assertEqual(card["weights"], 2 * (parameters - embedding) + 2 * in_f32)
                self.assertEqual((host["weights"], host["output"]), (2 * embedding, 4 * model.vocabulary))
                self.assertEqual((card["kv"], card["state"], card["projector"]), (kv * context, 0, 0))
                logits, row = 4 * 512 * model.vocabulary, 4 * 512 * model.width
                self.assertLess(abs(card["compute"] / (logits + row) - 1), 0.10)
                self.assertEqual(card["total"], sum(size for part, size in card.items() if part != "total"))

    def test_llama_3_1_8b(self):
        """32 layers, 4096 wide, 14336, 32 heads and 8 of K and V, 128 each, 128256 words: 8.03 thousand million."""
        model = memory_models.Model("llama", layers=32, width=4096, wide=14336, heads=32, kv_heads=8, vocabulary=128256,
                                    **memory_models.heads_of(128))
        self.counts(model, 128, False, 8030261248, 32 * 8 * (128 + 128) * 2)  # 1 GiB at 8192, 4 GiB at 32768

    def test_qwen_2_5_7b(self):
        """28 layers, 3584 wide, 18944, 28 heads and 4 of K and V, 128 each, biases, 152064 words: 7.62 thousand million."""
        model = memory_models.Model("qwen2", layers=28, width=3584, wide=18944, heads=28, kv_heads=4, vocabulary=152064)
        self.counts(model, 128, True, 7615616512, 28 * 4 * (128 + 128) * 2)  # 448 MiB, 1.75 GiB

    def test_mistral_nemo_12b(self):
        """40 layers, 5120 wide, 14336, 32 heads and 8 of K and V, 128 each and not 5120 / 32, 131072 words: 12.2 thousand
        million."""
        model = memory_models.Model("llama", layers=40, width=5120, wide=14336, heads=32, kv_heads=8, vocabulary=131072,
                                    **memory_models.heads_of(128))
        self.counts(model, 128, False, 12247782400, 40 * 8 * (128 + 128) * 2)  # 1.25 GiB, 5 GiB; by 160 a quarter more


if __name__ == "__main__":
    unittest.main()
