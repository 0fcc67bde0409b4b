"""`DictStore` with one seeded bug each, and the part of the suite that has to see it."""

from tests.kit.mutants import life as life
from tests.kit.mutants import listing as listing
from tests.kit.mutants import reading as reading
from tests.kit.mutants import ttl as ttl
from tests.kit.mutants import versions as versions
from tests.kit.mutants import writing as writing
from tests.kit.mutants.table import MUTANTS as MUTANTS
