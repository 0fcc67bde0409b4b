"""What stores of objects share (S3, Google Cloud Storage, …).

`store` has the hooks that do not depend on the service; `options`, what their URLs take; `listing`
and `parallel`, many keys; `presigning`, addresses for others. For reading over a network a store
says by a `Source` how it asks for a part of a value; `spans` reads what is asked for, to its last
byte, also where connections break; `reader` makes a seekable file of it, and `whole` a value.
`content_types` tells a type by the end of a key.
"""

from kvcore.backends.objects.content_types import type_of_key as type_of_key
from kvcore.backends.objects.reader import open_reader as open_reader
from kvcore.backends.objects.source import Answer as Answer
from kvcore.backends.objects.source import BehindTheEnd as BehindTheEnd
from kvcore.backends.objects.source import Body as Body
from kvcore.backends.objects.source import Checksum as Checksum
from kvcore.backends.objects.source import ClientBody as ClientBody
from kvcore.backends.objects.source import Source as Source
from kvcore.backends.objects.whole import copy_whole as copy_whole
from kvcore.backends.objects.whole import read_whole as read_whole
