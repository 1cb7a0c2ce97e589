"""Makes test/tokens/fixtures/*.json: small tokenizers of each kind, and what Hugging Face's own library counts with them.

    pip install tokenizers==0.23.3 && python test/tokens/make-tokenizers.py

The counts come from `Tokenizer.from_str(...).encode(text, add_special_tokens=False).ids`.
"""

import json
import pathlib

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CORPUS = [
    "the quick brown fox jumps over the lazy dog and the dog sleeps",
    "tokens are pieces of words, and words are pieces of text!",
    "Capacity planning: 42 replicas, 3.5 requests per second (p99 < 500ms).",
    "naïve café résumé coöperate",
    "a prompt of exact length is made of words that are one token each",
] * 4
TEXTS = [
    "",
    " ",
    "the dog",
    " the dog",
    "the  dog   sleeps ",
    "tokens, words & text!",
    "The Quick BROWN fox",
    "naïve café 🙂 日本 語",
    "line one\nline two\t\ttabbed",
    "replicas 42 and 3.5 requests",
    "unknownwordthatisnotinthecorpus zzzqqq",
    "x" * 120,
    "a▁b ▁ c",
    "résumé e\u0301 ﬁ ½",
    "don't stop-it (now) [or] {never} $5 + 7 = 12",
]


def bpe(normalizer, pre_tokenizer, byte_fallback=True):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=True))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    special = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    # Training needs cuts at blanks; the tokenizer that is stored has its own.
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(Regex("▁?[^▁]+|▁+"), "isolated")
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=len(special) + 160, special_tokens=special, show_progress=False)
    )
    document = json.loads(tokenizer.to_str())
    document["model"]["vocab"] = json.loads(trained.to_str())["model"]["vocab"]
    document["model"]["merges"] = json.loads(trained.to_str())["model"]["merges"]
    return document


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=160, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    )
    return json.loads(tokenizer.to_str())


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[CLS]"], show_progress=False)
    )
    tokenizer.decoder = decoders.WordPiece()
    return json.loads(tokenizer.to_str())


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    return json.loads(tokenizer.to_str())


FIXTURES = {
    # Llama 2, Mistral: ▁ before the text and for every blank, no cuts.
    "llama-bpe": bpe(normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None),
    # Gemma: ▁ for every blank, none before the text, cuts after them.
    "gemma-bpe": bpe(normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous")),
    # Newer exports of Llama 2: Metaspace does both.
    "metaspace-bpe": bpe(None, pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)),
    "unknown-bpe": bpe(normalizers.Replace(" ", "▁"), None, byte_fallback=False),
    "unigram": unigram(),
    "wordpiece": wordpiece(),
    "byte-level": byte_level(),
}

folder = pathlib.Path(__file__).parent / "fixtures"
folder.mkdir(exist_ok=True)
for name, document in FIXTURES.items():
    tokenizer = Tokenizer.from_str(json.dumps(document))
    counts = [[text, len(tokenizer.encode(text, add_special_tokens=False).ids)] for text in TEXTS]
    (folder / f"{name}.json").write_text(
        json.dumps({"counts": counts, "tokenizer": document}, ensure_ascii=False, separators=(",", ":")) + "\n"
    )
    print(name, [count for _, count in counts])
