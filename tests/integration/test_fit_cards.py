"""`ncmodel fit` with several cards: layers in proportion to their memory, as llama.cpp spreads them. By hand."""
import unittest

from test_fit import FitCase
import memory_models

CARD = "RTX 3060"  # of 12 GiB
WIDTH, WIDE, KEYS, WORDS, LAYERS = 4096, 14336, 1024, 128256, 32  # Llama 3.1 8B
LAYER = 2 * (2 * WIDTH * WIDTH + 2 * WIDTH * KEYS + 3 * WIDTH * WIDE) + 4 * 2 * WIDTH
OUTPUT = 2 * WORDS * WIDTH + 4 * WIDTH
KEPT = 8192 * 2 * KEYS * 2


def cards(*names):
    return [word for name in names for word in ("--gpu", name)]


class SpreadTest(FitCase):
    def setUp(self):
        super().setUp()
        model = memory_models.Model("llama", layers=LAYERS, width=WIDTH, wide=WIDE, heads=32, kv_heads=8, vocabulary=WORDS,
                                    **memory_models.heads_of(128))
        for layer in range(LAYERS):
            model.attention(layer, head=128)
            model.network(layer)
        model.ends()
        self.path = self.written(model)

    def shares(self, row, *layers):
        """Each has a buffer for computation and a driver's part; the output is the last layer."""
        own = row["card"]["compute"] + row["card"]["driver"]
        totals = [own + (LAYER + KEPT) * count for count in layers]
        totals[-1] += OUTPUT - LAYER - KEPT
        self.assertEqual([(share["layers"], share["total"]) for share in row["spread"]], list(zip(layers, totals)))

    def test_what_one_card_has_no_room_for(self):
        data = self.fit(self.path, *cards(CARD, CARD))
        [row] = data["models"]
        self.assertEqual((row["verdict"], data["gpu"], len(data["gpus"])), ("fits", data["gpus"][0], 2))
        self.shares(row, 17, 16)
        self.assertEqual((row["layers_that_fit"], row["context_that_fits"]), (None, None))
        self.assertEqual(sum(share["total"] for share in row["spread"]),
                         row["card"]["total"] + row["card"]["compute"] + row["card"]["driver"])
        [alone] = self.fit(self.path, "--gpu", CARD)["models"]
        self.assertEqual((alone["verdict"], "spread" in alone), ("too-large", False))
        self.fit(self.path, *cards(CARD, CARD), "--require-fit")
        self.fit(self.path, "--gpu", CARD, "--require-fit", code=12)

    def test_in_proportion_to_their_memory(self):
        [row] = self.fit(self.path, *cards("RTX 4060", CARD))["models"]  # 8 and 12 GiB: 33 layers by 2 : 3
        self.shares(row, 14, 19)
        self.assertIn("over 2 cards: 14 layers on RTX 4060 (", self.machine.run("fit", self.path, *cards("RTX 4060", CARD)).out)

    def test_one_that_has_room_takes_all(self):
        [row] = self.fit(self.path, *cards(CARD, "RTX 4090"))["models"]
        self.assertEqual((row["verdict"], "spread" in row), ("fits", False))

    def test_all_of_them_may_have_no_room(self):
        [row] = self.fit(self.path, *cards(CARD, CARD), "--context", "131072")["models"]
        self.assertEqual((row["verdict"], "spread" in row), ("too-large", False))
        self.assertGreater(row["layers_that_fit"], 0)  # on one of them

    def test_what_stays_loaded_has_its_place(self):
        small = self.written(memory_models.plain("llama", wide=400000), "small.gguf")  # 2.3 GiB
        [row] = self.fit(self.path, "--with", small, *cards(CARD, CARD))["models"]
        first, second = row["spread"]
        self.assertLess(first["layers"], second["layers"])
        self.assertEqual(first["layers"] + second["layers"], LAYERS + 1)

    def test_layers_in_main_memory_are_on_no_card(self):
        [row] = self.fit(self.path, *cards("RTX 4060", "RTX 4060"), "--gpu-layers", "24")["models"]
        self.shares(row, 12, 12)

    def test_names_are_all_checked(self):
        self.assertEqual(self.machine.run("fit", self.path, *cards(CARD, "RTX 9999")).returncode, 2)


    def test_what_is_free_counts_if_that_is_said(self):
        """of cards of 12 and 24 GiB half is free"""
        env = self.library(cards=2)
        [row] = self.fit(self.path, env=env)["models"]
        self.assertEqual((row["verdict"], "spread" in row), ("fits", False))
        data = self.fit(self.path, "--free", env=env)
        [row] = data["models"]
        self.assertEqual((row["verdict"], data["by_free"], data["gpu"]["free"]), ("fits", True, 12 << 30))
        self.assertEqual([share["room"] for share in row["spread"]], [6 << 30, 12 << 30])
        self.assertIn("12.0 GiB of it free (which counts)", self.machine.run("fit", self.path, "--free", env=env).out)
        one = self.library(cards=1)
        self.fit(self.path, "--free", "--require-fit", env=one, code=12)
        for other in (["--gpu", CARD], ["--vram", "12GB"]):
            self.assertEqual(self.machine.run("fit", self.path, "--free", *other).returncode, 2)

    def test_a_plan_may_be_held_against_what_is_free(self):
        m, env = self.machine, self.library(cards=1)
        m.manifest([{**m.simple("a.gguf", b"GGUF" + bytes(20)), "vram_gb": 8}])
        self.assertEqual(m.run("plan", "--require-fit", env=env).returncode, 0)
        refused = m.run("plan", "--require-fit", "--free", env=env)
        self.assertEqual(refused.returncode, 12)
        self.assertIn("`ncmodel fit a --free` tells its parts", " ".join(refused.err.split()))


class MachineTest(FitCase):
    def test_a_plan_tells_what_no_number_of_them_has_room_for(self):
        m = self.machine
        env = self.library(cards=2)  # 12 and 24 GiB
        for stated, told in ((20, False), (30, False), (40, True)):
            m.manifest([{**m.simple("a.gguf", b"GGUF" + bytes(20)), "vram_gb": stated}])
            result = m.run("plan", env=env)
            self.assertEqual("does not fit as a whole" in result.err, told, result.err)
            demanded = m.run("plan", "--require-fit", env=env)
            self.assertEqual(demanded.returncode, 0 if stated == 20 else 12)

    def test_what_is_here_is_not_read_for_a_plan_that_leaves_it(self):
        m = self.machine
        m.manifest([{**m.simple("a.gguf", b"GGUF" + bytes(20)), "vram_gb": 20}])
        env = self.library()
        self.assertIn("does not fit as a whole", m.run("pull", "-y", env=env).err)
        self.assertEqual(m.run("plan", env=env).err, "")
        self.assertEqual(m.run("plan", "--require-fit", env=env).returncode, 12)


if __name__ == "__main__":
    unittest.main()
