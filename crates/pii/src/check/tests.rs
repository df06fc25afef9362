//! Numbers that must hold and numbers that must not, from the specifications named at each check
//! or derived by them.

use super::{
    bank::{aba, card, iban},
    crypto::{base58_address, bech32, wallet_key},
    europe::*,
    other::*,
    world::*,
};

type Check = fn(&[u8]) -> bool;

#[test]
fn issued_numbers_hold_and_their_neighbours_do_not() {
    // Each: the check, numbers published as examples or derived by the rule, numbers that break it.
    let table: &[(&str, Check, &[&str], &[&str])] = &[
        (
            "card",
            card,
            &[
                "4111111111111111",
                "5555555555554444",
                "378282246310005",
                "6011111111111117",
                "3530111333300000",
                "30569309025904",
                "2223003122003222",
                "6200000000000005",
                "4222222222222",
            ],
            &[
                "4111111111111112",
                "1111111111111117",
                "0000000000000000",
                "411111111111111",
                "9999999999999995",
            ],
        ),
        (
            "iban",
            iban,
            &[
                "GB29NWBK60161331926819",
                "DE89370400440532013000",
                "FR1420041010050500013M02606",
                "NO9386011117947",
                "MT84MALT011000012345MTLCAST001S",
            ],
            &[
                "GB29NWBK60161331926818",
                "DE8937040044053201300",
                "XX89370400440532013000",
                "DE00370400440532013000",
            ],
        ),
        (
            "aba",
            aba,
            &["021000021", "011401533", "122105155"],
            &["021000022", "991000021", "000000000"],
        ),
        (
            "nino",
            nino,
            &["AB123456C", "JG103759A"],
            &["BG123456A", "DA123456A", "AO123456A", "AB123456E"],
        ),
        (
            "nhs",
            nhs,
            &["9434765919", "4505577104"],
            &["9434765918", "0000000000"],
        ),
        (
            "de",
            german_tax_id,
            &["86095742719", "47036892816", "65929970489"],
            &["86095742718", "06095742719", "12345678901"],
        ),
        (
            "nir",
            nir,
            &["255081416802538", "184127645108946", "253072B07300470"],
            &["255081416802539", "955081416802538"],
        ),
        (
            "nif",
            nif,
            &["12345678Z", "X1234567L", "Y1234567X", "00000001R"],
            &["12345678A", "X1234567A", "00000000T"],
        ),
        (
            "cf",
            codice_fiscale,
            &["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
            &["RSSMRA85T10A562T", "RSSMRA85Z10A562S"],
        ),
        (
            "bsn",
            bsn,
            &["111222333", "123456782"],
            &["111222334", "000000000"],
        ),
        (
            "pt",
            portuguese_nif,
            &["123456789", "501964843"],
            &["123456788", "423456780"],
        ),
        (
            "be",
            belgian,
            &["85073003328", "17073003384"],
            &["85073003329", "85733003328"],
        ),
        (
            "pesel",
            pesel,
            &["44051401359", "02070803628"],
            &["44051401358", "44151401359", "44053201359"],
        ),
        (
            "se",
            personnummer,
            &["8112189876", "198112189876", "6403273813"],
            &["8112189875", "8113189876", "218112189876"],
        ),
        (
            "fi",
            hetu,
            &["131052308T", "131052A308T"],
            &["131052308U", "131352308T", "131052Z308T"],
        ),
        (
            "dk",
            cpr_checked,
            &["2110625629"],
            &["2110625628", "3110625629"],
        ),
        (
            "dk weak",
            cpr,
            &["0102031234"],
            &["3202031234", "0113031234"],
        ),
        (
            "no",
            fodselsnummer,
            &["01010750160", "29029600013"],
            &["01010750161", "41010750160"],
        ),
        (
            "ch",
            ahv,
            &["7569217076985", "7561234567897"],
            &["7569217076984", "7579217076985"],
        ),
        (
            "ie",
            pps,
            &["1234567T", "1234567FA", "1234567TW"],
            &["1234567A", "1234567TZ"],
        ),
        (
            "at",
            austrian,
            &["1237010180"],
            &["1238010180", "0237010180"],
        ),
        (
            "ssn",
            ssn,
            &["219456781", "123456789"],
            &[
                "000456781",
                "666456781",
                "900456781",
                "219006781",
                "219450000",
            ],
        ),
        (
            "itin",
            itin,
            &["912701234", "999881234"],
            &["912661234", "812701234", "912931234"],
        ),
        ("sin", sin, &["130692544"], &["130692545", "046454286"]),
        ("tfn", tfn, &["123456782", "876543210"], &["123456783"]),
        (
            "abn",
            abn,
            &["51824753556", "53004085616"],
            &["51824753557", "01824753556"],
        ),
        (
            "medicare",
            medicare,
            &["2123456701", "21234567011"],
            &["2123456711", "1123456701"],
        ),
        (
            "aadhaar",
            aadhaar,
            &["234123412346", "499118665246"],
            &["234123412347", "134123412346"],
        ),
        ("pan", pan, &["ABCPK1234F", "AAACB1234C"], &["ABCXK1234F"]),
        (
            "cpf",
            cpf,
            &["52998224725", "11144477735"],
            &["52998224724", "11111111111"],
        ),
        (
            "cnpj",
            cnpj,
            &["11222333000181", "11444777000161", "12ABC34501DE35"],
            &["11222333000182", "12ABC34501DE36"],
        ),
        (
            "curp",
            curp,
            &["BOXW310820HNERXN09", "HEGG560427MVZRRL04"],
            &["BOXW310820HNERXN08", "BOXW311320HNERXN09"],
        ),
        (
            "za",
            south_african,
            &["8001015009087", "7503305044089"],
            &["8001015009088", "8013015009087"],
        ),
        (
            "tr",
            tckn,
            &["10000000146", "19191919190"],
            &["10000000147", "00000000146"],
        ),
        (
            "kr",
            rrn_checked,
            &["8501011234566"],
            &["8501011234560", "8513011234566"],
        ),
        (
            "cn",
            resident_id,
            &["11010519491231002X"],
            &["110105194912310021", "11010519491331002X"],
        ),
        (
            "jp",
            my_number,
            &["123456789018"],
            &["123456789017", "000000000000"],
        ),
        (
            "sg",
            nric,
            &[
                "S1234567D",
                "T1234567J",
                "F1234567N",
                "G1234567X",
                "M1234567K",
            ],
            &["S1234567E", "A1234567D"],
        ),
        (
            "hk",
            hkid,
            &["A1234563", "AB9876543", "G123456A"],
            &["A1234564"],
        ),
        (
            "npi",
            npi,
            &["1234567893", "1245319599"],
            &["1234567890", "3234567893"],
        ),
        (
            "dea",
            dea,
            &["AB1234563", "F91234563"],
            &["AB1234564", "QB1234563"],
        ),
        (
            "mbi",
            mbi,
            &["1EG4TE5MK73", "1EG4TE5MK72"],
            &["0EG4TE5MK73", "1SG4TE5MK73"],
        ),
        (
            "vin",
            vin_checked,
            &["1HGCM82633A004352", "1M8GDM9AXKP042788"],
            &["1HGCM82633A004353", "1HGCM82633I004352"],
        ),
        (
            "imei",
            imei,
            &["490154203237518", "356938035643809"],
            &["490154203237519", "000000000000000"],
        ),
        (
            "base58",
            base58_address,
            &[
                "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
                "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
                "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
            ],
            &[
                "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
                "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNL0",
            ],
        ),
        (
            "bech32",
            bech32,
            &[
                "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
                "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            ],
            &["bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx", "bc1"],
        ),
        (
            "wallet",
            wallet_key,
            &[
                "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
                "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617",
            ],
            &["5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTK"],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, check, good, bad) in table {
        wrong.extend(
            good.iter()
                .filter(|text| !check(text.as_bytes()))
                .map(|text| (name, "refused", text)),
        );
        wrong.extend(
            bad.iter()
                .filter(|text| check(text.as_bytes()))
                .map(|text| (name, "taken", text)),
        );
        for junk in ["", "A", "é", "99999999999999999999999999999999999999999"] {
            assert!(!check(junk.as_bytes()), "{name} takes {junk:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
