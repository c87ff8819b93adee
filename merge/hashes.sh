#!/bin/bash
# hashes.sh BINARY : state hashes and t-SNE positions
B=$1; T=$(mktemp -d); cd $T
h() { "$@" --json 2>/dev/null | grep -o '"state_hash":"[^"]*"' | tail -1 | cut -c1-60; }
echo shapes $(h $B train --dataset shapes --network revacnn --steps 60 --seed 11 --adapter software)
echo digits $(h $B train --dataset digits --network revacnn --steps 40 --adapter software)
echo resnet8 $(h $B train --dataset shapes --network resnet-8 --steps 20 --adapter software)
h $B train --dataset digits --network revacnn --steps 23 --adapter software --out r >/dev/null
echo resume $(h $B train --resume r --steps 40 --adapter software)
$B embed digits --iterations 300 --adapter software -o d.npz >/dev/null 2>&1; python3 - <<'P'
import zipfile,hashlib
z=zipfile.ZipFile('d.npz')
for n in sorted(z.namelist()): print('embed',n,hashlib.sha256(z.read(n)).hexdigest()[:24])
P
$B embed digits --iterations 100 --method mesh --components 20 --adapter software -o m.npz >/dev/null 2>&1; python3 - <<'P'
import zipfile,hashlib
z=zipfile.ZipFile('m.npz')
for n in sorted(z.namelist()): print('mesh',n,hashlib.sha256(z.read(n)).hexdigest()[:24])
P
rm -rf $T
