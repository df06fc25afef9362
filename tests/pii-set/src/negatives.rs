//! Texts that look as if there were something in them. Each is filled several times.

use crate::check;
use crate::expand::fill;
use crate::random::Random;

/// A negative from a template: shapes as everywhere, and numbers made to fail their check.
pub(crate) fn negative(random: &mut Random, template: &str) -> String {
    let failing = |random: &mut Random, shape, check: fn(&str) -> bool| loop {
        let number = fill(random, shape);
        if !check(&number) {
            return number;
        }
    };
    let mut text = template.to_owned();
    if text.contains("‹NO-CARD›") {
        let number = failing(random, "4‹d15›", check::luhn);
        text = text.replace("‹NO-CARD›", &number);
    }
    if text.contains("‹NO-IBAN›") {
        let number = failing(random, "DE‹d20›", check::iban);
        text = text.replace("‹NO-IBAN›", &number);
    }
    if text.contains("‹ISBN›") {
        let number = loop {
            let number = fill(random, "978‹d10›");
            if check::gs1(&number) {
                break number;
            }
        };
        text = text.replace("‹ISBN›", &number);
    }
    fill(random, &text)
}

pub(crate) const NEGATIVES: &[&str] = &[
    // Business numbers.
    "Order #‹n›‹d7› has shipped from ‹city›.",
    "Your order ‹d3›-‹d7›-‹d7› was delivered on Monday.",
    "Invoice INV-2024-‹d6› over €‹price› is due in 14 days.",
    "Rechnung Nr. RE-‹d5›/2025 über ‹n›.‹d3›,‹d2› € ist offen.",
    "Facture n° F‹d8›, échéance fin de mois.",
    "Ticket ‹L3›-‹n›‹d3› blocks ‹L3›-‹n›‹d4›.",
    "Case number ‹n›‹d3›-‹d3›-‹d4› was closed yesterday.",
    "SKU 440-‹n›‹d3›-‹d2›, ‹d2› in stock; SKU 555-01‹d2›-‹L2› is gone.",
    "Part no. ‹L2›-‹n›‹d4›-‹d2›-‹L› replaces ‹L2›-‹d5›.",
    "Tracking number 1Z‹u6›‹d10›, carrier UPS.",
    "Tracking: 9400 1‹d3› ‹d4› ‹d4› ‹d4› ‹d2›",
    "DHL Sendungsnummer JJD‹d18›",
    "PO ‹n›‹d9› was split into two deliveries.",
    "Flight LH‹n›‹d2› to ‹city›, booking reference ‹u6›, seat 1‹d›‹L›.",
    "Room ‹n›‹d3›, building ‹n›, extension ‹n›‹d2›",
    "Batch ‹n›‹d5›-‹d2›, lot L‹d7›, use by 03/2027",
    "EAN ‹n›‹d12› / UPC ‹d12› on the box",
    "ISBN ‹ISBN›, second edition, ‹n›‹d2› pages",
    "ISBN-10: 0-‹d3›-‹d5›-‹d›; see chapter ‹n›.",
    "doi:10.‹n›‹d3›/‹word›.2021.‹d6›",
    "arXiv:2‹n›1‹two›.‹d5›v2 and arXiv:2301.0‹d4›",
    "The customer number ‹n›‹d4› and the shelf ‹L›‹d2›-‹d2› don't match.",
    "user_‹d5› merged ‹word›_‹d4› into team-‹d3›",
    "Patent US ‹n›,‹d3›,‹d3› B2 was filed in 2016.",
    "Gate B‹d2›, row ‹d2›, seats ‹d2›-‹d2›",
    // Numbers.
    "The total came to $‹n›,‹d3›,‹d3›.‹d2›, up ‹d›.‹d› % from 2023.",
    "Price: ‹price› EUR, was ‹price› EUR (-‹n›‹d›%)",
    "At 52.‹d6›, 13.‹d6› there is a bridge; at -33.‹d4›, 151.‹d4› another.",
    "lat=48.‹d7› lon=2.‹d7› alt=‹d2›.‹d›",
    "See pp. 1‹d3›–1‹d3› and 2‹d2›-2‹d2› of volume ‹d2›.",
    "‹city› won 3-2 (21-15, 18-21, 21-19), then 6-4 7-5.",
    "π = 3.14159265358979323846264338327950288419716939937510",
    "e ≈ 2.718281828459045, φ ≈ 1.618033988749894, seed ‹d2›",
    "‹n›‹d7› × 9 = ? and ‹n›‹d8› + ‹n›‹d8› = ?",
    "Compute 2^‹n›‹d› mod ‹n›‹d4›; I get ‹n›‹d8›.",
    "1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987 … term ‹n›‹d›?",
    "Population: ‹n›‹d2› ‹d3› ‹d3› in 2021, ‹n›‹d2› ‹d3› ‹d3› in 2011.",
    "x = [‹d3›, ‹d3›, ‹d4›, ‹d4›]; mean ‹d3›.‹d2›, sd ‹d2›.‹d3›",
    "‹d4› ‹d4› ‹d4› are the winning blocks of the raffle, column ‹L›",
    "bytes 1‹d4›-2‹d4›/‹n›‹d5› were sent; content-length: ‹n›‹d6›",
    "The file is ‹n›‹d9› bytes, ‹n›‹d6› lines.",
    "Kontostand ‹n›.‹d3›,‹d2›, Zinssatz 3,‹d2› %",
    "Mix 1:10:100 and wait 00:‹sixty›:‹sixty›.",
    "n=‹n›‹d3›, p=0.0‹d3›, 95% CI 1.‹d2›-2.‹d2›",
    "LSN 0/‹H7›0, xid ‹n›‹d8›, page ‹d6›",
    // Time.
    "created_at: 17‹d8›, updated_at: 17‹d11›",
    "‹stamp› started; ‹stamp› stopped",
    "The meeting moved from 12/03/2024 to 19/03/2024, 14:30-15:15.",
    "Released ‹day›; support ends 2029-12-31.",
    "Am 24.12.2025 und am 01.01.2026 geschlossen.",
    "Der Vertrag läuft vom 01.0‹n›.2024 bis 31.12.2026.",
    "cron: 0 3 1,15 * * and */5 8-18 * * 1-5; run ‹d4›",
    "Copyright 1998-2024 The ‹word› Authors",
    "Le rendez-vous du 14/07/2025 à 10h30 est annulé, dossier ‹d4›.",
    "TTL 86400, serial 20250‹n›1‹d›0‹d›, refresh 7200",
    // Versions and networks.
    "Upgrade from version 1.‹d›.‹d›.‹d› to 1.‹d›.‹d2›.‹d›, please.",
    "Chrome/1‹d2›.0.‹n›‹d3›.‹d2› Safari/537.36",
    "firmware v2.‹d2›.‹d›.‹d2› (build ‹n›‹d4›)",
    "See section 4.2.1.‹n› and chapter 10.3.2.‹n›",
    "Assembly version=4.0.‹n›.0, file version 10.0.‹n›‹d4›.‹n›‹d3›",
    "inet 127.0.0.1 netmask 255.0.0.0; bind 0.0.0.0:‹n›‹d3›",
    "netmask 255.255.255.0, gateway on loopback ::1, mtu 15‹d2›",
    "listen [::]:‹n›‹d3› and 127.0.0.1:‹n›‹d3›",
    "snmpwalk 1.3.6.1.4.1.‹n›‹d3›.‹n›.‹n› returns nothing",
    "^1.2.‹n› || >=2.‹d›.0 <3.0.0-rc.‹n›",
    "\"‹word›\": \"~‹n›.‹d2›.‹d›\", \"@types/node\": \"^20.1‹d›.0\"",
    // Hashes and ids.
    "md5 ‹h32›  ‹word›.tar.gz",
    "sha1: ‹h40›",
    "sha256:‹h64›",
    "‹h64›  ‹word›-‹d›.‹d›.zip",
    "commit ‹h40›\n\n    ‹service›: drop the ‹word› path",
    "‹h7› fix ‹word›\n‹h7› add ‹word›\n‹h7› bump",
    "request id ‹h8›-‹h4›-4‹h3›-a‹h3›-‹h12› failed",
    "{\"id\":\"‹h8›-‹h4›-4‹h3›-9‹h3›-‹h12›\",\"parent\":null}",
    "ObjectId(\"‹h24›\") not found in ‹service›",
    "01J‹u23› sorts after 01H‹u23›? no.",
    "traceparent: 00-‹h32›-‹h16›-01",
    "FROM registry.local/‹word›@sha256:‹h64›",
    "pod ‹service›-‹h9›-‹x5› restarted ‹d2› times",
    "\"integrity\": \"sha512-‹b86›==\"",
    "ETag: W/\"‹h8›-‹h12›\"",
    "tx 0x‹h64› was mined in block ‹n›‹d7›",
    "java.lang.Object@‹h8› at Main.java:‹d3›",
    "#0 0x00007f‹h10› in ‹word›_‹word› () at src/‹word›.c:‹d3›",
    "‹word›.‹h8›.chunk.js and main.‹h20›.css",
    "0000: 4d 5a ‹h2› 00 ‹h2› 00 00 ‹h2› 04 00 ‹h2› 00 ff ff 00 ‹h2›",
    "00000010  ‹h2› ‹h2› ‹h2› ‹h2› ‹h2› ‹h2› ‹h2› ‹h2›  |........|",
    "bytes: ‹h2› ‹h2› ‹h2› ‹h2› ‹h2› ‹h2›, checksum ‹h2›",
    "color: #‹h6›; background: #‹h3›; border: 1px solid #‹h8›",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA‹b80›",
    "path d=\"M10.‹d2› 20.‹d2›L3‹d2›.7 4‹d2›.5C‹d2› ‹d2› ‹d2› ‹d2› 0 0Z\"",
    "cluster arn:aws:iam::aws:policy/ReadOnlyAccess, s3://‹word›-‹word›/part-‹d5›",
    "ssh-ed25519 fingerprint SHA256:‹b43›",
    "ISIN DE000‹u6›‹d›, WKN ‹u6›, fund ‹word› series ‹d2›",
    // Code.
    "@app.route('/‹word›/<int:id>')\ndef ‹word›(id): return str(id + ‹d2›)",
    "npm install ‹word›@‹n›.‹d2›.‹d› @‹word›/‹service›@latest",
    "git clone git@github.com:‹word›/‹service›.git",
    "git remote add origin git@gitlab.com:‹word›/‹word›-‹service›.git",
    "@media (max-width: ‹n›‹d2›px) { .‹word› { margin: 0 } }",
    "@Override public int ‹word›() { return ‹n›‹d4›; }",
    "y = x @ w.T + b  # shape (‹d3›, ‹d2›)",
    "uses: actions/checkout@v4\nuses: ‹word›/‹service›@‹h40›",
    "thanks @‹first› and @‹last›‹d2›, merged in #‹n›‹d3›",
    "‹first›@web-0‹n›:~$ tail -f /var/log/‹service›.log",
    "^[\\w.+-]+@[\\w-]+\\.[\\w.]+$ doesn't match what I want, try ‹d2›",
    "const ‹word› = 0x‹h8›; // mask ‹n›‹d2›",
    "std::‹word›<‹n›‹d›>::at(‹d3›) throws, line ‹d3›",
    "SELECT count(*) FROM ‹service› WHERE id BETWEEN ‹n›‹d5› AND ‹n›‹d5›",
    "dial *100# then ‹n›; the menu has ‹d2› entries",
    "for (let i = 0; i < ‹n›‹d6›; i += ‹d3›) ‹word›(i)",
    "E‹d4›: expected ‹n›‹d2› bytes, got ‹n›‹d3› (errno ‹d2›)",
    "https://‹word›.example/‹thing›/‹n›‹d8›?page=‹d2›&sort=desc",
    "http://‹word›.example:80‹d2›/‹thing›@v2/‹word›",
    "ICD-10 E11.‹n›, RFC ‹n›‹d3›, DIN ‹n›‹d3›, ISO 8601-1:2019",
    // Placeholders for secrets, and names of secrets.
    "export OPENAI_API_KEY=YOUR_API_KEY  # step ‹n›",
    "api_key = \"sk-xxxxxxxxxxxxxxxxxxxxxxxx\"  # replace me, ‹name›",
    "password=changeme in the ‹word› sample",
    "Authorization: Bearer ${TOKEN}  # ‹service›",
    "Authorization: Bearer <your-token-here>, then GET /‹word›",
    "DB_PASSWORD=<password>\nDB_HOST=‹word›\n",
    "password: ********  user: ‹word›",
    "token = os.environ[\"‹L6›_TOKEN\"]",
    "const key = process.env.‹L6›_API_KEY;",
    "secret: {{ .Values.‹word›.password }}",
    "with:\n  token: ${{ secrets.GITHUB_TOKEN }}\n  path: ‹word›",
    "password: [REDACTED], ‹thing› ‹d4›",
    "type Login = { password: string; token: string; id: ‹word› }",
    "postgres://user:password@localhost:5432/‹word›",
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set in ‹service›",
    "if (password == null) throw new Error(\"missing ‹word›\");",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE‹b50›\n-----END PUBLIC KEY-----",
    "The password must have at least ‹n›‹d› characters and no spaces.",
    "max_tokens=‹n›‹d3›, token count: ‹n›‹d3›, tokens: ‹n›‹d4›",
    "{\"next_page_token\": null, \"password\": \"\", \"items\": ‹d2›}",
    // Checks that fail, and talk about values without one.
    "The test number ‹NO-CARD› was rejected: bad checksum.",
    "‹NO-IBAN› is not a valid account, the check digits are wrong.",
    "What is an IBAN, and why does it have check digits? (question ‹d2›)",
    "Never send your SSN or your card number by e-mail. Rule ‹n›.",
    "Wo finde ich meine Steuer-ID, ‹name›? Auf dem Bescheid von 2023?",
    "Où se trouve le numéro de sécurité sociale sur la carte, ‹name› ?",
    "¿Dónde encuentro mi DNI electrónico en ‹city›?",
    "Il codice fiscale serve per aprire un conto a ‹city›?",
    "请问身份证号码在哪里填写，‹name›？",
    "マイナンバーカードの申請方法を教えて、‹name›。",
    "Fields: name, email, phone, passport number, date of birth (all optional, max ‹d2› chars)",
    "| email | phone | iban |\n|---|---|---|\n| yes | no | page ‹d2› |",
    "The routing number is printed at the bottom left, the account number beside it, see figure ‹n›.",
    "My birthday is next month and I'd like to go to ‹city›.",
    "Your driver's license renewal in ‹city› takes ‹d2› days.",
    "email: none\nphone: n/a\nssn: not provided\nref: ‹word›",
    "IP rating IP67, cable Cat 6a, 48 V, ‹d2› W",
    "The VIN plate is on the left side of the dashboard; ‹city› garage, bay ‹n›.",
    "PAN, TILT and ZOOM: set pan=‹d2›.‹d› tilt=‹d2›.‹d› zoom=‹n›",
    "FIN, ACK, SYN: seq ‹n›‹d8› ack ‹n›‹d8› win ‹n›‹d4›",
];
