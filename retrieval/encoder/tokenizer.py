"""The encoder's XLM-R tokenizer (unigram sentencepiece) as a `tokenizers` file."""

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from retrieval.encoder.weights import Vocabulary

# Of the vocabulary's own character map, all that Unicode's NFKC does not do by itself.
_REMOVED = Regex("[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]")
_SPACES = Regex("[\\s\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]+")


def build_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """Adds <s> and </s>; neither truncates nor pads, that is the caller's business."""
    scored = list(zip(vocabulary.pieces, vocabulary.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(scored, vocabulary.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(_REMOVED, ""), normalizers.NFKC(), normalizers.Replace(_SPACES, " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    special = [vocabulary.pieces[i] for i in (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk)]
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in special])
    bos, _pad, eos, _unk = special
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[bos, "$A", eos],
        pair=[bos, "$A", eos, eos, "$B", eos],
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    return tokenizer
