"""Sentence encoders: text in, unit vectors out. Nothing heavy is imported here: also runs inside Rasa (Python 3.10)."""

from pathlib import Path

from retrieval.encoder.protocol import Encoder

EMBEDDED = "embedded"


def load_encoder(name: str, folder: Path) -> Encoder:
    """`embedded`: the one that ships with the bot, built in `folder`; anything else is the folder of a fine-tuned one
    (`./kefu train encoder`), or names a sentence-transformers model or its folder. Raises EncoderError saying what is
    missing."""
    if name == EMBEDDED or (Path(name) / "encoder.json").is_file():
        from retrieval.encoder.embedded import EmbeddedEncoder

        return EmbeddedEncoder(folder if name == EMBEDDED else name)
    from retrieval.encoder.sentence_transformer import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name)
