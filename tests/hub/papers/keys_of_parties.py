# SPDX-License-Identifier: Apache-2.0
"""Keys of parties, as an operator lays them out on a hub's machine."""

from tests.hub.papers.papers import as_p12, certificate, name, rsa_key


def self_signed(owner, **facts):
    """A key and its certificate, in the owner's name."""
    key = rsa_key(owner)
    return key, certificate(key, name(owner, "Authority"), **facts)


def lay_out(folder, settings, **parties):
    """Write a list with a PKCS #12 file for each party, and let the hub use it.

    parties: the facts of each party's certificate, by the party's name with _ for -.
    """
    rows = []
    for word, facts in parties.items():
        party = word.replace("_", "-")
        file, secret = folder / f"{party}.p12", folder / f"{party}.password"
        file.write_bytes(as_p12(*self_signed(**{"owner": party} | facts)))
        secret.write_text("sesame")
        file.chmod(0o600)
        secret.chmod(0o600)
        rows.append(f'[{party}]\nfile = "{file}"\npassword_file = "{secret}"\n')
    listed = folder / "parties.toml"
    listed.write_text("\n".join(rows))
    settings.SEAL_PARTIES_FILE = str(listed)
    return listed
