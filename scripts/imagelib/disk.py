# SPDX-License-Identifier: GPL-2.0-or-later
"""A bootable raw disk from a folder: MBR, GRUB for BIOS, one ext4 partition.

Needs no loop device and no mount: mke2fs copies the folder into a file
system at an offset in the disk file, and GRUB's two pieces are written where
the BIOS looks for them:
  sector 0       boot.img, with the partition table in its last 66 bytes
  sector 1...    core.img, in the gap before the partition
  sector 2048    the partition
"""

import os
import struct
import subprocess

from .places import ImageError

SECTOR = 512
FIRST_SECTOR = 2048
LINUX_PARTITION = 0x83
CHS_OUT_OF_RANGE = b"\xfe\xff\xff"
MBR_CODE_SIZE = 440


def _partition_entry(first, count):
    return (b"\x80" + CHS_OUT_OF_RANGE + bytes([LINUX_PARTITION]) +
            CHS_OUT_OF_RANGE + struct.pack("<II", first, count))


def _master_boot_record(boot_img, sectors, identity):
    entry = _partition_entry(FIRST_SECTOR, sectors - FIRST_SECTOR)
    record = boot_img[:MBR_CODE_SIZE] + struct.pack("<IH", identity, 0)
    record += entry + bytes(3 * len(entry)) + b"\x55\xaa"
    assert len(record) == SECTOR
    return record


def _make_file_system(path, sectors, folder, label, uuid):
    blocks = (sectors - FIRST_SECTOR) * SECTOR // 4096
    # The file is all holes, so there is nothing to zero, now or in the guest.
    extended = ("offset=%d,lazy_itable_init=0,lazy_journal_init=0,"
                "assume_storage_prezeroed=1,hash_seed=%s" %
                (FIRST_SECTOR * SECTOR, uuid))
    run = subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", label,
         "-U", uuid, "-m", "1", "-O", "^metadata_csum_seed,^orphan_file",
         "-J", "size=16", "-E", extended, "-d", folder, path, str(blocks)],
        capture_output=True, text=True, check=False,
        env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    if run.returncode:
        raise ImageError("mke2fs failed: " + run.stderr.strip())


def build(path, size, folder, label, uuid):
    """Write the disk file path of size bytes with the tree in folder."""
    sectors = size // SECTOR
    grub = os.path.join(folder, "boot", "grub")
    with open(os.path.join(grub, "boot.img"), "rb") as f:
        boot_img = f.read(SECTOR)
    with open(os.path.join(grub, "core.img"), "rb") as f:
        core_img = f.read()
    if len(core_img) > (FIRST_SECTOR - 1) * SECTOR:
        raise ImageError("GRUB's core image does not fit before the partition")
    with open(path, "wb") as f:
        f.truncate(size)
    _make_file_system(path, sectors, folder, label, uuid)
    with open(path, "r+b") as f:
        f.write(_master_boot_record(boot_img, sectors, int(uuid[:8], 16)))
        f.write(core_img)
