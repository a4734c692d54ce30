package GearmanProbe;

# A thin layer over libgearman for its tests: see GearmanProbe.xs.

use strict;
use warnings;

our $VERSION = '1';

require XSLoader;
XSLoader::load('GearmanProbe', $VERSION);

1;
