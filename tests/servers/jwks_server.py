"""An EHR as a client: its key pairs, the tokens it signs, and the server where it publishes its keys.

Tokens are signed with `cryptography` alone, so that they do not agree with the library that verifies them by accident.
"""

import json
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.servers.fhir_server import FhirServer, answer

CURVES = {"ES256": ("P-256", ec.SECP256R1), "ES384": ("P-384", ec.SECP384R1), "ES512": ("P-521", ec.SECP521R1)}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}

# The halves that the public Sandbox may show; from https://github.com/cds-hooks/sandbox, .well-known/jwks.json,
# src/.well-known/jwks.json and ecpublickey.pem.
OF_THE_SANDBOX = (
    {
        "kty": "EC",
        "crv": "P-384",
        "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
        "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
        "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
    },
    {
        "kty": "EC",
        "crv": "P-256",
        "kid": "d9cd3c4f-eb08-4304-b973-44f352fd2ca2",
        "x": "QWI9fI8TcNtdikhVs_M1N_Szb7BOj19etvIKfrQMa9k",
        "y": "jDkhk_Z2RZZ5L5rN4vd1_i-RJLn3EfEhDcy7iFBg--I",
    },
    {
        "kty": "EC",
        "crv": "P-256",
        "kid": "ecpublickey.pem",
        "x": "q8Ftr50G2k2OPdge05jBkc6gC12Fq3Y-HyT21lEOty4",
        "y": "oqNhGy3GyK2sqCbuFotYQPTq6LMa5UonQ6oXOuCTYDA",
    },
)


def b64(data):
    """Base64url without padding, of bytes or of a text."""
    return urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def b64_of_number(number, octets=None):
    return b64(number.to_bytes(octets or (number.bit_length() + 7) // 8, "big"))


class Signer:
    """A key pair of a client.

    Args:
        algorithm: what it signs with, such as "ES384"; "EdDSA" is with Ed25519, and "Ed448" with the other curve.
        kid: what the client calls it.
        bits: of an RSA key.
        exponent: of an RSA key.
    """

    def __init__(self, algorithm="ES384", kid="first", *, bits=2048, exponent=65537):
        self.algorithm = algorithm
        self.kid = kid
        if algorithm in CURVES:
            self.private = ec.generate_private_key(CURVES[algorithm][1]())
        elif algorithm[:2] in {"RS", "PS"}:
            self.private = rsa.generate_private_key(exponent, bits)
        else:
            self.private = (ed448.Ed448PrivateKey if algorithm == "Ed448" else ed25519.Ed25519PrivateKey).generate()

    @property
    def jwk(self):
        """The public half, as JSON Web Key."""
        return {"kid": self.kid, "alg": self.algorithm, "use": "sig", **self.bare_jwk}

    @property
    def bare_jwk(self):
        """The same without what the key is for."""
        public = self.private.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            octets = (public.key_size + 7) // 8
            x, y = (b64_of_number(number, octets) for number in (public.public_numbers().x, public.public_numbers().y))
            return {"kty": "EC", "crv": CURVES[self.algorithm][0], "x": x, "y": y}
        if isinstance(public, rsa.RSAPublicKey):
            return {
                "kty": "RSA",
                "n": b64_of_number(public.public_numbers().n),
                "e": b64_of_number(public.public_numbers().e),
            }
        curve = "Ed448" if self.algorithm == "Ed448" else "Ed25519"
        return {"kty": "OKP", "crv": curve, "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}

    def sign(self, data, algorithm=None):
        """A signature as JWS has it, by an algorithm that the key can do."""
        algorithm = algorithm or self.algorithm
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            octets = (self.private.key_size + 7) // 8
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(HASHES[algorithm[2:]]())))
            return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")
        if isinstance(self.private, rsa.RSAPrivateKey):
            digest = HASHES[algorithm[2:]]()
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return self.private.sign(data, pss if algorithm.startswith("PS") else padding.PKCS1v15(), digest)
        return self.private.sign(data)

    def token(self, claims, **header):
        """A signed token; a header that is None is left out, and `claims` may be a text as it stands."""
        said = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **header}
        return self.token_as_written(
            json.dumps({name: value for name, value in said.items() if value is not None}),
            claims if isinstance(claims, str) else json.dumps(claims),
        )

    def token_as_written(self, header, claims):
        """The same with the text of both as it stands."""
        signed = f"{b64(header)}.{b64(claims)}"
        return f"{signed}.{b64(self.sign(signed.encode()))}"


class JwksServer(FhirServer):
    """Serves a key set on this machine; what it says can be changed, and it can misbehave.

    Args:
        keys: JSON Web Keys.
        headers: what it says beside, such as `Cache_Control`.
    """

    def __init__(self, *keys, context=None, **headers):
        self.keys = list(keys)
        self.headers = headers
        self.misbehaves = None
        super().__init__(self._serve_keys, context=context)

    @property
    def jku(self):
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/.well-known/jwks.json"

    def close(self):
        """Close it; once more does nothing."""
        if not self._stopping.is_set():
            super().close()

    def _serve_keys(self, asked, line):
        if self.misbehaves is not None:
            return self.misbehaves(asked, line)
        line.send(answer({"keys": self.keys}, media_type="application/jwk-set+json", **self.headers))
        return None
