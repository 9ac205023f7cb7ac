from .api.checkpoints import decode as decode
from .api.checkpoints import encode as encode
from .api.checkpoints import encode_music as encode_music
from .api.checkpoints import load_checkpoint as load_checkpoint
from .api.dances import Dance as Dance
from .api.dances import open_dance as open_dance
from .api.editing import chain as chain
from .api.editing import edit as edit
from .api.generating import generate as generate
from .api.songs import compose_song as compose_song
from .api.songs import listen as listen
from .editing.operations import Operation as Operation

VERSION: str
__all__: list[str]
