//! Texts without a language of their own that carry a value, and texts that carry several.

/// Documents, data and code that name the value.
pub(crate) const FORMS: &[&str] = &[
    "‹cue›: ‹value›",
    "‹cue› - ‹value›",
    "‹cue›\t‹value›",
    "{\"‹key›\": \"‹value›\", \"status\": \"‹word›\"}",
    "{\n  \"case\": {\n    \"region\": \"‹city›\",\n    \"‹key›\": \"‹value›\",\n    \"open\": true\n  }\n}",
    "[{\"step\":1,\"fields\":{\"‹key›\":\"‹value›\"}},{\"step\":2,\"fields\":{}}]",
    "customer:\n  tier: ‹word›\n  ‹key›: ‹value›\n  active: true",
    "‹key›: '‹value›'  # from the ‹thing›",
    "status,‹key›,city\nopen,‹value›,‹city›\nclosed,‹value›,‹city›\n",
    "city;‹key›;note\n‹city›;‹value›;‹word›",
    "| Field | Value |\n|---|---|\n| ‹cue› | ‹value› |\n| City | ‹city› |",
    "| ‹cue› | City |\n|:--|:--|\n| ‹value› | ‹city› |\n| ‹value› | ‹city› |",
    "‹stamp› INFO  [‹service›] record updated ‹key›=‹value› took ‹d2› ms",
    "level=warn svc=‹service› msg=\"duplicate ‹thing›\" ‹key›=\"‹value›\" retries=‹d›",
    "‹key› = \"‹value›\"  # pasted from the ‹thing›\nprint(lookup(‹key›))",
    "const ‹key› = '‹value›';\nawait client.save({ ‹key› });",
    "UPDATE customers SET ‹key› = '‹value›' WHERE city = '‹city›';",
    "INSERT INTO ‹service› (city, ‹key›) VALUES ('‹city›', '‹value›');",
    "<record><city>‹city›</city><‹key›>‹value›</‹key›></record>",
    "<input type=\"text\" name=\"‹key›\" value=\"‹value›\">",
    "City: ‹city›\n‹cue›: ‹value›\nStatus: pending\n",
    "- ‹word›\n- ‹cue›: ‹value›\n- ‹city›",
    "**‹cue›:** `‹value›`",
    "## ‹thing›\n\n> ‹cue›: ‹value›\n\nPlease file it under ‹word›.",
    "Subject: your ‹thing›\n\nHello ‹name›,\n\n‹cue›: ‹value›\n\nRegards,\n‹name›",
    "[‹clock›] ‹first›: what's the ‹cue› again?\n[‹clock›] ‹last›: ‹value›",
    "assert normalise(\"‹value›\") == load(\"‹key›\")",
    "export ‹KEY›=\"‹value›\"",
    "{\"name\":\"save\",\"arguments\":\"{\\\"‹key›\\\":\\\"‹value›\\\"}\"}",
    "City: ‹city›\r\n‹cue›: ‹value›\r\nNote: none\r\n",
    "‹cue›\n‹value›\n\nCity\n‹city›",
];

/// A value with nothing beside it that says what it is.
pub(crate) const ALONE: &[&str] = &[
    "‹value›",
    "Got it, ‹value›. What next?",
    "‹value›, is that still valid?",
    "Please use (‹value›) from now on.",
    "Translate into German: \"I left ‹value› with ‹name›.\"",
    "1. ‹value›\n2. ‹value›\n3. ‹value›",
    "‹name› wrote: '‹value›'.",
    "Look up ‹value› for the ‹thing› in ‹city›!",
    "请查一下‹value›谢谢",
    "これは‹value›ですか？",
    "‹value›\n‹value›",
    "see ‹value›; the other one was wrong",
    "Is <‹value›> the right one?",
    "old → ‹value›",
    "Vielen Dank für ‹value›.",
    "«‹value›», a répondu ‹name›.",
];

/// An address as only e-mail is written.
pub(crate) const MAILS: &[&str] = &[
    "From: ‹name› <‹value›>\nTo: <‹value›>\nSubject: ‹thing› for ‹city›\n\nSee attached.",
    "[write to us](mailto:‹value›)",
    "<a href=\"mailto:‹value›?subject=‹word›\">contact</a>",
    "‹value›;‹value›;‹value›",
    "cc'd ‹value›, ‹value› and ‹value›",
    "git log --author=‹value›",
    "Author: ‹name› <‹value›>\nDate:   ‹day›\n\n    fix the ‹word› ‹thing›",
    "联系‹value›或者找‹name›",
    "‹stamp› postfix/smtp: to=<‹value›>, relay=none, status=deferred",
    "User ‹value› could not be authenticated.",
];

/// An address as only logs and tools write it.
pub(crate) const ADDRESSES: &[&str] = &[
    "‹value› - - [‹stamp›] \"GET /‹word› HTTP/1.1\" 200 ‹d4›",
    "ssh ‹first›@‹value›",
    "ping ‹value› times out since this morning",
    "Failed password for ‹first› from ‹value› port 5‹d4› ssh2",
    "x-forwarded-for: ‹value›, ‹value›",
    "DENY src=‹value› dst=‹value› proto=tcp",
    "The login came from ‹value›.",
    "peer ‹value› disconnected after ‹d2› s",
];

/// Texts with values of several kinds, labelled each, and the language of each text.
pub(crate) const MIXED: &[(&str, &str)] = &[
    (
        "en",
        "Please call me on my mobile, phone ‹PHONE›, or write to ‹EMAIL›. My card number is ‹CARD›.",
    ),
    (
        "en",
        "Intake form\nDOB: ‹DATE_OF_BIRTH›\nSSN: ‹SSN›\nPhone: ‹PHONE›\nE-mail: ‹EMAIL›\nMRN: ‹MEDICAL_RECORD›",
    ),
    (
        "en",
        "Wire it: routing number ‹BANK_ROUTING›, account number ‹BANK_ACCOUNT›. Receipt to ‹EMAIL›.",
    ),
    (
        "en",
        "{\"user\":{\"email\":\"‹EMAIL›\",\"phone\":\"‹PHONE›\",\"last_ip\":\"‹IP›\"},\"card_number\":\"‹CARD›\"}",
    ),
    (
        "en",
        "email,phone,iban\n‹EMAIL›,‹PHONE›,‹IBAN›\n‹EMAIL›,‹PHONE›,‹IBAN›\n‹EMAIL›,‹PHONE›,‹IBAN›\n",
    ),
    (
        "de",
        "Bitte überweisen Sie auf IBAN ‹IBAN›; Rückfragen unter Tel. ‹PHONE› oder ‹EMAIL›. Steuer-ID: ‹DE_TAX_ID›.",
    ),
    (
        "en",
        "Vehicle registration\n  VIN: ‹VIN›\n  driver's license: ‹DRIVING_LICENCE›\n  date of birth: ‹DATE_OF_BIRTH›\n  contact: ‹EMAIL›",
    ),
    (
        "en",
        "‹stamp› WARN login from ‹IP› for ‹EMAIL› on device MAC ‹MAC›, IMEI ‹IMEI›",
    ),
    (
        "en",
        "Dr ‹name›, NPI ‹NPI›, DEA number ‹DEA›; patient MBI ‹MBI›, date of birth ‹DATE_OF_BIRTH›.",
    ),
    (
        "pt",
        "Olá, meu CPF é ‹BR_CPF›, telefone ‹PHONE›, e-mail ‹EMAIL›.",
    ),
    (
        "en",
        "Passport number ‹PASSPORT›, National Insurance number ‹UK_NINO›, NHS number ‹UK_NHS›; answer to ‹EMAIL›.",
    ),
    (
        "fr",
        "Bonjour, numéro de sécurité sociale ‹FR_NIR›, IBAN ‹IBAN›, courriel ‹EMAIL›.",
    ),
    ("zh", "我的邮箱是‹EMAIL›，手机号‹PHONE›，身份证号‹CN_ID›。"),
    (
        "en",
        "Summarise:\n---\nPayroll note. SSN ‹SSN›, ABA routing number ‹BANK_ROUTING›, bank account ‹BANK_ACCOUNT›. Old SSN on file ‹SSN› was a typo.\n---",
    ),
    (
        "it",
        "codice fiscale ‹IT_CODICE_FISCALE›, IBAN ‹IBAN›, telefono ‹PHONE›, e-mail ‹EMAIL›",
    ),
    (
        "en",
        "I was born on ‹DATE_OF_BIRTH› in ‹city›. My email changed to ‹EMAIL›.",
    ),
    (
        "en",
        "‹name›, born ‹DATE_OF_BIRTH›, passport no. ‹PASSPORT›, travels to ‹city› on Friday.",
    ),
    (
        "de",
        "Ich bin am ‹DATE_OF_BIRTH› in ‹city› geboren, erreichbar unter ‹PHONE› (Handy).",
    ),
    (
        "fr",
        "Je suis née le ‹DATE_OF_BIRTH› à ‹city›, téléphone ‹PHONE›, courriel ‹EMAIL›.",
    ),
    (
        "es",
        "Nací el ‹DATE_OF_BIRTH› en ‹city›; mi DNI es ‹ES_NIF› y mi teléfono ‹PHONE›.",
    ),
    (
        "nl",
        "Geboren op ‹DATE_OF_BIRTH› te ‹city›, BSN ‹NL_BSN›, IBAN ‹IBAN›, mobiel ‹PHONE›.",
    ),
    (
        "ja",
        "生年月日は‹DATE_OF_BIRTH›、電話番号は‹PHONE›、メールは‹EMAIL›です。",
    ),
];
